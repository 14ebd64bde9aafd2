import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Serving

extension Controller {
    /// Stores outcomes of requests that a deployment at any site has answered, each one once.
    package func report(_ outcomes: [ReportedOutcome]) async throws -> OutcomeReceipt {
        guard isAtWork else { throw ControlError(.unavailable, followerText) }
        guard let store = with.outcomes else {
            throw ControlError(.unavailable, "this controller does not store outcomes")
        }
        let revisions = Set(outcomes.compactMap { RequestIdentity(unverified: $0.requestId)?.revision })
        let deployments = deployments(with: revisions)
        let verification = OutcomeVerification(
            keys: await keys(of: Set(deployments.values.joined())), deployments: deployments, unread: unread,
            now: with.now())
        let sorted = verification.sort(outcomes)
        if let unknown = sorted.undecided { throw ControlError(.unavailable, unknown) }
        var receipt = OutcomeReceipt(refusals: sorted.refused)
        for (deployment, outcomes) in sorted.outcomes.sorted(by: { $0.key < $1.key }) {
            receipt = receipt + (try await store.record(outcomes, of: deployment))
        }
        return receipt
    }

    /// Why the deployments of some site are not known yet; nil if all sites were read.
    private var unread: String? {
        for name in with.sites.names {
            guard case .unread(let reason)? = standings[name] else { continue }
            return SiteError.unreachable(name, reason: reason).message
        }
        return nil
    }

    /// The deployments that have one of `revisions`: as stable, as candidate, or in their history.
    private func deployments(with revisions: Set<Revision>) -> [Revision: [DeploymentKey]] {
        var found: [Revision: [DeploymentKey]] = [:]
        for (key, entry) in entries {
            for revision in Set(entry.state?.revisions ?? []) where revisions.contains(revision) {
                found[revision, default: []].append(key)
            }
        }
        return found
    }

    private func keys(of deployments: Set<DeploymentKey>) async -> [DeploymentKey: OutcomeVerification.Key] {
        var keys: [DeploymentKey: OutcomeVerification.Key] = [:]
        for deployment in deployments {
            guard let name = entries[deployment]?.site, let site = with.sites[name] else { continue }
            do {
                keys[deployment] = try await site.requestIdKey(deployment.namespace).map { .known($0) }
            } catch {
                let (reason, _) = Self.explain(error)
                keys[deployment] = .unknown("the ids of \(deployment) at \(name) cannot be checked now: \(reason)")
            }
        }
        return keys
    }

    /// The revisions that each deployment serves, evaluates or could go back to, at all sites.
    /// - Returns: nil until this is known of every site.
    package func revisionsInUse() -> [DeploymentKey: Set<Revision>]? {
        guard isAtWork, with.sites.names.allSatisfy({ standings[$0] == .read }) else { return nil }
        guard !entries.values.contains(where: { $0.unreadableRecord != nil || $0.mustReload }) else { return nil }
        return entries.compactMapValues { entry in entry.state.map { Set($0.revisions) } }
    }
}

extension RolloutState {
    /// The stable revision, the candidate, and those in the history.
    package var revisions: [Revision] {
        [stable?.revision, rollout?.candidate.revision].compactMap(\.self) + history.map(\.deployed.revision)
    }
}
