import Controller
import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The quarantine once more, as an annotation: backup tools leave a status out, and people wipe it, with the record in it. A
/// controller that finds no record has to know which revisions failed, or it would roll them out again.
extension ClusterStore {
    public func quarantine(of deployment: DeploymentKey) -> [QuarantineStatus]? {
        KeptQuarantine.entries(known[deployment]?.quarantine)
    }

    /// One write whenever a revision goes into quarantine or comes out of it. What fails is done with the next report.
    func keepQuarantine(_ quarantined: [QuarantineStatus], of deployment: DeploymentKey) async {
        guard let memory = known[deployment], memory.object.isKept(by: identity), !memory.object.isTerminating else {
            return
        }
        // An object of before this annotation gets it with its first quarantine.
        if memory.quarantine == nil, quarantined.isEmpty { return }
        guard let text = KeptQuarantine.text(quarantined), text != memory.quarantine else { return }
        let body: JSONValue = [
            "metadata": [
                "resourceVersion": .string(memory.object.metadata.resourceVersion ?? ""),
                "annotations": [RegisterWords.quarantine: .string(text)],
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
                "The quarantine is not kept beside the record",
                metadata: ["deployment": "\(deployment)", "error": "\(error)"])
        }
    }
}

/// A quarantine as an annotation's value. Pure.
enum KeptQuarantine {
    /// Of a reason: 20 of them stay far under the 256 KiB of all annotations.
    static let reasonLimit = 500
    /// Nothing is in quarantine, which is more than not knowing it.
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

    /// - Returns: nil where there is none, or where somebody made something else of it: then nothing is known.
    static func entries(_ text: String?) -> [QuarantineStatus]? {
        guard let text else { return nil }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try? decoder.decode([QuarantineStatus].self, from: Data(text.utf8))
    }
}
