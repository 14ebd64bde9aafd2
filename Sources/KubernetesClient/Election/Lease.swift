import Foundation

/// `coordination.k8s.io/v1` Lease: who leads, as far as the candidates tell each other.
struct Lease: KubernetesObject, Hashable {
    struct Spec: Hashable, Codable, Sendable {
        /// Nil or empty: nobody.
        var holderIdentity: String?
        var leaseDurationSeconds: Int?
        /// For people: no candidate trusts another one's clock.
        var acquireTime: String?
        var renewTime: String?
        var leaseTransitions: Int?
    }

    static let resource = ResourceType.leases
    /// Where the API of the one who leads answers.
    static let apiAnnotation = "mlctl.dev/api"

    var metadata: ObjectMetadata
    var spec: Spec

    init(metadata: ObjectMetadata, spec: Spec) {
        self.metadata = metadata
        self.spec = spec
    }

    private enum CodingKeys: String, CodingKey { case metadata, spec }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(ObjectMetadata.self, forKey: .metadata)
        spec = try fields.decodeIfPresent(Spec.self, forKey: .spec) ?? Spec()
    }

    /// - Parameters:
    ///   - resourceVersion: makes it a compare-and-swap.
    ///   - labels: all of them: a replaced object has no others. Likewise `annotations`.
    static func body(
        _ key: ObjectKey, spec: Spec, resourceVersion: String?, labels: [String: String] = [:],
        annotations: [String: String] = [:]
    ) throws -> Data {
        struct Body: Encodable {
            struct Metadata: Encodable {
                var name: String
                var namespace: String?
                var resourceVersion: String?
                var labels: [String: String]?
                var annotations: [String: String]?
            }
            var apiVersion = Lease.resource.apiVersion
            var kind = Lease.resource.kind
            var metadata: Metadata
            var spec: Spec
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(
            Body(
                metadata: .init(
                    name: key.name, namespace: key.namespace, resourceVersion: resourceVersion,
                    labels: labels.isEmpty ? nil : labels, annotations: annotations.isEmpty ? nil : annotations),
                spec: spec))
    }
}
