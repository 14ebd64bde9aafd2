import Foundation
import KubernetesClient
import ModelManifests
import Serving

/// A ConfigMap with the route of one deployment. Its instances are not in it, because they come and go.
struct RouteConfigMap: KubernetesObject {
    static let resource = ResourceType.configMaps

    var metadata: ObjectMetadata
    /// Nil if the text is not a valid route.
    var route: ProxyRoute?
    /// The text that a controller sealed, and its seal.
    private var text: String?
    private var seal: String?

    private enum CodingKeys: String, CodingKey { case metadata, data }

    init(metadata: ObjectMetadata, route: ProxyRoute?) {
        self.metadata = metadata
        self.route = route
    }

    /// - Parameter check: of the controller that the proxy serves; nil: any route is accepted.
    func isSealed(_ check: SealCheck?) -> Bool {
        guard let check else { return true }
        return check.isSealed(.route(map: metadata.key, text ?? ""), by: seal)
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(ObjectMetadata.self, forKey: .metadata)
        let data = try fields.decodeIfPresent([String: String].self, forKey: .data)
        route = ProxyRouter.route(in: data)
        text = data?[ProxyRouter.routeKey]
        seal = data?[ProxyRouter.sealKey]
    }
}

/// Some of the pods behind a revision's Service (EndpointSlice).
struct RevisionEndpoints: KubernetesObject {
    static let resource = ResourceType.endpointSlices

    struct Endpoint: Hashable, Decodable, Sendable {
        struct Conditions: Hashable, Decodable, Sendable {
            var ready: Bool?
            var serving: Bool?
            var terminating: Bool?
        }
        struct Target: Hashable, Decodable, Sendable { var name: String? }

        var addresses: [String]
        var conditions: Conditions?
        var targetRef: Target?

        /// It may get new requests. As the API specifies, unknown counts as ready.
        var isReady: Bool { conditions?.ready ?? true && conditions?.terminating != true }
        /// It is ending, and its readiness probe still passes.
        var answersWhileEnding: Bool { conditions?.terminating == true && conditions?.serving == true }
    }

    struct Port: Hashable, Decodable, Sendable {
        var name: String?
        var port: Int?
    }

    var metadata: ObjectMetadata
    var endpoints: [Endpoint]
    var ports: [Port]

    private enum CodingKeys: String, CodingKey { case metadata, endpoints, ports }

    init(metadata: ObjectMetadata, endpoints: [Endpoint], ports: [Port]) {
        self.metadata = metadata
        self.endpoints = endpoints
        self.ports = ports
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try fields.decode(ObjectMetadata.self, forKey: .metadata)
        endpoints = try fields.decodeIfPresent([Endpoint].self, forKey: .endpoints) ?? []
        ports = try fields.decodeIfPresent([Port].self, forKey: .ports) ?? []
    }

    /// The port for requests: the one called `http`, else the first.
    var servingPort: Int? { (ports.first { $0.name == "http" } ?? ports.first)?.port }
}
