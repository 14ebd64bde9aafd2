import Foundation
import ModelManifests
import Serving

/// Sorts reported outcomes by the deployment that has answered, and out what cannot be an outcome. Pure.
struct OutcomeVerification {
    static let labelBytes = 63

    enum Key: Hashable {
        case known(RequestIdentityKey)
        /// Why it cannot be had now.
        case unknown(String)
    }

    /// Of deployments whose data plane has given ids out.
    var keys: [DeploymentKey: Key]
    /// Which deployments have, or had, a revision: the same template may serve in several.
    var deployments: [Revision: [DeploymentKey]]
    /// Why there may be deployments that are not among them; nil where all are known.
    var unread: String?
    var now: Date
    var ageLimit: Duration = OutcomeLimits.age

    struct Sorted: Equatable {
        var outcomes: [DeploymentKey: [VerifiedOutcome]] = [:]
        var refused: [OutcomeReceipt.Refusal] = []
        /// Why one of them could be neither verified nor refused: the batch has to be reported again.
        var undecided: String?
    }

    func sort(_ reported: [ReportedOutcome]) -> Sorted {
        var sorted = Sorted()
        for outcome in reported {
            switch verify(outcome) {
            case .success(let (deployment, request)):
                sorted.outcomes[deployment, default: []].append(VerifiedOutcome(request: request, reported: outcome))
            case .failure(let problem) where problem.isUndecided: sorted.undecided = problem.reason
            case .failure(let problem): sorted.refused.append(.init(outcome, problem.reason))
            }
        }
        return sorted
    }

    private struct Problem: Error {
        var reason: String
        var isUndecided = false
    }

    private func verify(_ outcome: ReportedOutcome) -> Result<(DeploymentKey, RequestIdentity), Problem> {
        func refuse(_ reason: String) -> Result<(DeploymentKey, RequestIdentity), Problem> {
            .failure(Problem(reason: reason))
        }
        guard outcome.value.isFinite else { return refuse("its value is not a finite number") }
        guard outcome.value >= 0 else {
            return refuse("its value is negative: report what is counted from 0, such as a cost or an absolute error")
        }
        guard Self.isLabel(outcome.label) else {
            return refuse("its label must be up to \(Self.labelBytes) letters, digits, '-', '_' and '.'")
        }
        guard let said = RequestIdentity(unverified: outcome.requestId) else {
            return refuse("its requestId is none: take it from the answer's header x-mlctl-request-id")
        }
        let candidates = deployments[said.revision] ?? []
        guard !candidates.isEmpty else {
            if let unread { return .failure(Problem(reason: unread, isUndecided: true)) }
            return refuse("no deployment has a revision \(said.revision), as its requestId says")
        }
        var unknown: String?
        for deployment in candidates {
            guard case .known(let key)? = keys[deployment] else {
                if case .unknown(let reason)? = keys[deployment] { unknown = reason }
                continue
            }
            guard let request = RequestIdentity(outcome.requestId, of: deployment, key: key) else { continue }
            let age = now.timeIntervalSince1970 - Double(request.atSeconds)
            guard age <= ageLimit / .seconds(1) else {
                return refuse("its request is older than \(Int(ageLimit / .seconds(86_400))) days")
            }
            return .success((deployment, request))
        }
        if let unknown { return .failure(Problem(reason: unknown, isUndecided: true)) }
        guard candidates.contains(where: { keys[$0] != nil }) else {
            return refuse("no request has got an id yet: the data plane has no key of its own there")
        }
        return refuse(
            "its requestId was not given out by the proxies that serve it, or their key has been made anew since")
    }

    static func isLabel(_ text: String) -> Bool {
        (1...labelBytes).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains($0))
            }
    }
}
