import ControlPorts
import Foundation
import ModelManifests
import Serving

/// Assigns reported outcomes to the deployments that answered, and refuses invalid ones. Pure.
struct OutcomeVerification {
    static let labelBytes = 63

    enum Key: Hashable {
        case known(RequestIdentityKey)
        /// Why the key cannot be read now.
        case unknown(String)
    }

    /// The keys with which the data planes of deployments sign request ids.
    var keys: [DeploymentKey: Key]
    /// Which deployments have, or had, a revision. Several deployments may use the same serving template.
    var deployments: [Revision: [DeploymentKey]]
    /// Why there may be further deployments; nil if all are known.
    var unread: String?
    var now: Date
    var ageLimit: Duration = OutcomeLimits.age

    struct Sorted: Equatable {
        var outcomes: [DeploymentKey: [VerifiedOutcome]] = [:]
        var refused: [OutcomeReceipt.Refusal] = []
        /// Why one of them could be neither verified nor refused: the batch must be reported again.
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
            return refuse("its value is negative: report a value of 0 or more, such as a cost or an absolute error")
        }
        guard Self.isLabel(outcome.label) else {
            return refuse("its label must be up to \(Self.labelBytes) letters, digits, '-', '_' and '.'")
        }
        guard let said = RequestIdentity(unverified: outcome.requestId) else {
            return refuse("its requestId is not valid: take it from the answer's header x-mlctl-request-id")
        }
        let candidates = deployments[said.revision] ?? []
        guard !candidates.isEmpty else {
            if let unread { return .failure(Problem(reason: unread, isUndecided: true)) }
            return refuse("no deployment has revision \(said.revision), which its requestId names")
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
            return refuse("no request has an id yet, because the data plane has no key there")
        }
        return refuse(
            "its requestId was not issued by the proxies of that deployment, or their key was replaced since")
    }

    static func isLabel(_ text: String) -> Bool {
        (1...labelBytes).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains($0))
            }
    }
}
