import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving

/// Looks for fields that others add to mlctl's objects.
extension ClusterBackend {
    /// Types that mlctl owns as a whole, except labels and annotations. (Others add secrets to service accounts.)
    private static let whole: Set<ResourceType> = [
        .deployments, .services, .podDisruptionBudgets, .configMaps, .httpRoutes,
    ]

    /// Sends no request while nobody adds anything, and one request for each addition.
    func checkAdditions(to object: WantedObject, _ live: LiveObject, _ plan: ServingPlan) async throws {
        let deployment = plan.deployment
        let policy = object.isShared ? DriftPolicy() : Self.drift(plan.target)
        guard Self.whole.contains(object.type), policy.mode != .ignore, let added = live.writers.added else {
            additions[deployment]?[object.id] = nil
            return
        }
        let judged = EvaluatedAddition(added: added, policy: policy)
        if additions[deployment]?[object.id]?.judged == judged { return }
        let now = clock()
        guard ledger.mayCorrect(object.id, now: now), underWay.insert(object.id).inserted else {
            return
        }
        defer { underWay.remove(object.id) }
        do {
            let whole = try JSONValue(parsing: try await api.answer(to: .get(object.type, object.key)))
            let found = try Additions(in: whole, ignoring: policy.ignored)
            guard !found.isEmpty, policy.mode == .undo else {
                // The same addition is not fetched again. If it is gone already, the cache is late.
                guard found.writers.added == added else { return }
                additions[deployment, default: [:]][object.id] = ReportedAddition(
                    judged: judged, text: found.isEmpty ? nil : Self.report(found, to: object.id))
                return
            }
            try await undo(found, in: whole, object, deployment, now)
        } catch let error as APIError {
            throw ClusterServingError(error, about: "\(object.id)")
        }
    }

    private func undo(
        _ found: Additions, in whole: JSONValue, _ object: WantedObject, _ deployment: DeploymentKey, _ now: Duration
    ) async throws {
        do {
            // With the version that was read: if somebody writes in between, the next pass looks again.
            try await api.replace(object.type, object.key, body: found.removed(from: whole).jsonData)
        } catch let error as APIError where error.isConflict {
            return
        }
        ledger.noteCorrection(of: object.id, at: now)
        additions[deployment]?[object.id] = nil
        adders[object.id] = found
        if ledger.isContested(object.id, now: now) {
            contests[deployment, default: [:]][object.id] = Self.contest(found, in: object.id)
        }
        logger.notice(
            "Removed fields that somebody else had added",
            metadata: ["object": "\(object.id)", "fields": "\(found.description)"])
    }

    static func drift(_ target: Target) -> DriftPolicy {
        if case .kubernetes(let target) = target { target.drift } else { DriftPolicy() }
    }

    private static func report(_ found: Additions, to object: ObjectID) -> String {
        "\(object) has fields that its manifest does not ask for: \(found.description). Add them to the manifest, remove them, "
            + "or list them under `target.drift.ignore`."
    }

    static func contest(_ found: Additions, in object: ObjectID) -> String {
        "\(found.managers.joined(separator: ", ")) keeps adding fields to \(object): \(found.description). mlctl removes "
            + "them at growing intervals. Add them to the manifest, stop the writer, or list them under "
            + "`target.drift.ignore`."
    }
}

/// An addition, and the policy that it was judged by.
struct EvaluatedAddition: Hashable, Sendable {
    var added: UInt64
    var policy: DriftPolicy
}

struct ReportedAddition: Hashable, Sendable {
    var judged: EvaluatedAddition
    /// For the status; nil if it is not reported.
    var text: String?
}
