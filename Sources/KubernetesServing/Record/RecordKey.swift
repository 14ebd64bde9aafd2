import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests

/// The key with which a controller seals its records in one cluster. It is created once and kept in a Secret in the controller's
/// own namespace. All controllers of one name share it.
///
/// Whoever can read that Secret can forge records, so tenants must have no access to its namespace.
package actor RecordKey {
    /// The Secret's entry.
    static let entry = "key"

    private enum Place {
        case fixed
        case secret(KubernetesAPI, NamespacedName)
    }

    private let place: Place
    private let logger: Logger
    private var known: RecordSeal?

    /// - Parameters:
    /// - namespace: the controller's own namespace.
    /// - controller: the controller's name.
    package init(_ api: KubernetesAPI, in namespace: String, controller: String, logger: Logger) {
        place = .secret(api, NamespacedName(namespace: namespace, name: ObjectNames.recordKey(of: controller)))
        self.logger = logger
    }

    /// A key for a seal that is known already.
    package init(_ seal: RecordSeal) {
        place = .fixed
        known = seal
        logger = Logger(label: "mlctl.records") { _ in SwiftLogNoOpLogHandler() }
    }

    /// Where the key is kept, for messages.
    package nonisolated var description: String {
        switch place {
        case .fixed: "the controller's key"
        case .secret(_, let key): "Secret \(key)"
        }
    }

    /// The seal made from the key. It asks the API server until the key is known.
    /// - Throws: `ClusterServingError` if the Secret can neither be read nor created, or holds something else. It is never
    ///   replaced, because all existing seals would become invalid.
    package func seal() async throws -> RecordSeal {
        if let known { return known }
        guard case .secret(let api, let key) = place else { throw Self.missingKeyError("\(description)") }
        do {
            let seal = try await found(api, key)
            let made = if let seal { seal } else { try await make(api, key) }
            known = made
            return made
        } catch let error as APIError {
            throw ClusterServingError(error, about: "Secret \(key), which holds the key that seals records,")
        }
    }

    private func found(_ api: KubernetesAPI, _ key: NamespacedName) async throws -> RecordSeal? {
        guard let secret = try await api.get(StoredSecret.self, key) else { return nil }
        guard let seal = secret.data?[Self.entry].flatMap({ RecordSeal($0) }) else {
            throw Self.missingKeyError("Secret \(key)")
        }
        return seal
    }

    private func make(_ api: KubernetesAPI, _ key: NamespacedName) async throws -> RecordSeal {
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
            // Another controller was first: use its key.
            guard let theirs = try await found(api, key) else { throw error }
            return theirs
        }
        logger.notice("Created the key that seals records", metadata: ["secret": "\(key)"])
        return seal
    }

    private static func missingKeyError(_ what: String) -> ClusterServingError {
        ClusterServingError(
            .foreignObject,
            "\(what) holds no key of \(RecordSeal.byteCount) bytes under '\(entry)'. Restore it from a backup. If it is "
                + "lost, delete the Secret, and start the controller once with --adopt-records")
    }
}
