import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests

/// The key that a controller seals by in one cluster: made once, kept in a Secret of the controller's own namespace, and the
/// same for all controllers of one name.
///
/// Who may read that Secret can write what controllers take for their own: its namespace is no tenant's.
public actor RecordKey {
    /// The Secret's entry.
    static let entry = "key"

    private enum Place {
        case fixed
        case secret(KubernetesAPI, ObjectKey)
    }

    private let place: Place
    private let logger: Logger
    private var known: RecordSeal?

    /// - Parameters:
    ///   - namespace: the controller's own.
    ///   - controller: its name.
    public init(_ api: KubernetesAPI, in namespace: String, controller: String, logger: Logger) {
        place = .secret(api, ObjectKey(namespace: namespace, name: ObjectNames.recordKey(of: controller)))
        self.logger = logger
    }

    /// Of a seal that is known.
    public init(_ seal: RecordSeal) {
        place = .fixed
        known = seal
        logger = Logger(label: "mlctl.records") { _ in SwiftLogNoOpLogHandler() }
    }

    /// Where it is kept, for people.
    public nonisolated var description: String {
        switch place {
        case .fixed: "the controller's key"
        case .secret(_, let key): "Secret \(key)"
        }
    }

    /// Asks the API server until it is known.
    /// - Throws: `ClusterServingError` where the Secret can neither be read nor made, or holds something else: it is never
    ///   replaced, for then all that was sealed by it would be nobody's.
    public func seal() async throws -> RecordSeal {
        if let known { return known }
        guard case .secret(let api, let key) = place else { throw Self.holdsNoKey("\(description)") }
        do {
            let seal = try await found(api, key)
            let made = if let seal { seal } else { try await make(api, key) }
            known = made
            return made
        } catch let error as APIError {
            throw ClusterServingError(error, about: "Secret \(key), the key that records are sealed by,")
        }
    }

    private func found(_ api: KubernetesAPI, _ key: ObjectKey) async throws -> RecordSeal? {
        guard let secret = try await api.get(StoredSecret.self, key) else { return nil }
        guard let seal = secret.data?[Self.entry].flatMap({ RecordSeal($0) }) else {
            throw Self.holdsNoKey("Secret \(key)")
        }
        return seal
    }

    private func make(_ api: KubernetesAPI, _ key: ObjectKey) async throws -> RecordSeal {
        let seal = RecordSeal.random()
        let labels = [
            ObjectLabels.managedBy: ObjectLabels.manager,
            ObjectLabels.component: ObjectLabels.Component.recordKey.rawValue,
        ]
        let body: JSONValue = [
            "apiVersion": .string(ResourceType.secrets.apiVersion), "kind": .string(ResourceType.secrets.kind),
            "type": "Opaque", "immutable": true,
            "metadata": [
                "name": .string(key.name), "namespace": .string(key.namespace ?? ""), "labels": .strings(labels),
            ],
            "data": .strings([Self.entry: seal.bytes.base64EncodedString()]),
        ]
        do {
            try await api.make(.secrets, key, body: body.jsonData)
        } catch let error as APIError where error.isConflict {
            // Somebody else was first: theirs is the key.
            guard let theirs = try await found(api, key) else { throw error }
            return theirs
        }
        logger.notice("Made the key that records are sealed by", metadata: ["secret": "\(key)"])
        return seal
    }

    private static func holdsNoKey(_ what: String) -> ClusterServingError {
        ClusterServingError(
            .foreignObject,
            "\(what) holds no key of \(RecordSeal.byteCount) bytes under '\(entry)'. Put it back from a backup. Where it is "
                + "lost, delete the Secret, and start the controller once with --adopt-records")
    }
}
