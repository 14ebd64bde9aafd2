import ControlPorts
import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// Keeps a copy of the quarantine in an annotation: backup tools leave out the status, people wipe it, and the record is in it. A
/// controller that finds no record must know which revisions failed, or it would roll them out again.
extension ClusterStore {
    package func quarantine(of deployment: DeploymentKey) -> [QuarantineStatus]? {
        QuarantineAnnotation.entries(known[deployment]?.quarantine)
    }

    /// Writes once whenever a revision enters or leaves quarantine. After a failure the next report tries again.
    func keepQuarantine(_ quarantined: [QuarantineStatus], of deployment: DeploymentKey) async {
        guard let memory = known[deployment], memory.object.isKept(by: identity), !memory.object.isTerminating else {
            return
        }
        // An object from before this annotation gets it with its first quarantine.
        if memory.quarantine == nil, quarantined.isEmpty { return }
        guard let text = QuarantineAnnotation.text(quarantined), text != memory.quarantine else { return }
        let body: JSONValue = [
            "metadata": [
                "resourceVersion": .string(memory.object.metadata.resourceVersion ?? ""),
                "annotations": [RegisterMetadata.quarantine: .string(text)],
            ]
        ]
        let request = APIRequest.merge(
            .modelDeployments, memory.object.metadata.key, body: Data(CanonicalJSON.text(body).utf8),
            fieldManager: KubernetesAPI.fieldManager)
        do {
            try await write(deployment) { try await answer(request) }
            known[deployment]?.quarantine = text
        } catch {
            logger.info(
                "Cannot save the quarantine in its annotation",
                metadata: ["deployment": "\(deployment)", "error": "\(error)"])
        }
    }
}

/// The quarantine as an annotation's value. Pure.
enum QuarantineAnnotation {
    /// The most characters of a reason: 20 reasons stay far below the 256 KiB of all annotations.
    static let reasonLimit = 500
    /// An empty quarantine. Without an annotation the quarantine is unknown.
    static let none = "[]"

    static func text(_ quarantined: [QuarantineStatus]) -> String? {
        let short = quarantined.map { entry in
            var entry = entry
            entry.reason = String(entry.reason.prefix(reasonLimit))
            return entry
        }
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(short)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// - Returns: nil if there is none, or if somebody changed it to something unreadable: then the quarantine is unknown.
    static func entries(_ text: String?) -> [QuarantineStatus]? {
        guard let text else { return nil }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try? decoder.decode([QuarantineStatus].self, from: Data(text.utf8))
    }
}
