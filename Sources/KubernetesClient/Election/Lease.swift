import Foundation

/// `coordination.k8s.io/v1` Lease: the object by which the candidates agree on a leader.
struct Lease: KubernetesObject, Hashable {
    struct Spec: Hashable, Codable, Sendable {
        /// Nil or empty: nobody holds the lease.
        var holderIdentity: String?
        var leaseDurationSeconds: Int?
        /// For people to read. No candidate trusts another candidate's clock.
        var acquireTime: String?
        var renewTime: String?
        var leaseTransitions: Int?
    }

    static let resource = ResourceType.leases
    /// The annotation with the address of the leader's API.
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
    ///   - resourceVersion: makes the write a compare-and-swap.
    ///   - labels: all labels of the object, because a replace removes the others. The same holds for `annotations`.
    static func body(
        _ key: NamespacedName, spec: Spec, resourceVersion: String?, labels: [String: String] = [:],
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
