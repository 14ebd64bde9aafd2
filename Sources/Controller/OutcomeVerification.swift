import Foundation
import ModelManifests
import Serving

/// Sorts reported outcomes by the deployment that has answered, and out what cannot be an outcome. Pure.
struct OutcomeVerification {
    static let labelBytes = 63

    var key: RequestIdentityKey
    /// Which deployments have, or had, a revision: the same template may serve in several.
    var deployments: [Revision: [DeploymentKey]]
    var now: Date
    var ageLimit: Duration = OutcomeLimits.age

    struct Sorted: Equatable {
        var outcomes: [DeploymentKey: [VerifiedOutcome]] = [:]
        var refused: [OutcomeReceipt.Refusal] = []
    }

    func sort(_ reported: [ReportedOutcome]) -> Sorted {
        var sorted = Sorted()
        for outcome in reported {
            switch verify(outcome) {
            case .success(let (deployment, request)):
                sorted.outcomes[deployment, default: []].append(VerifiedOutcome(request: request, reported: outcome))
            case .failure(let problem):
                sorted.refused.append(.init(outcome, problem.reason))
            }
        }
        return sorted
    }

    private struct Problem: Error {
        var reason: String
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
            return refuse("no deployment has a revision \(said.revision), as its requestId says")
        }
        for deployment in candidates {
            guard let request = RequestIdentity(outcome.requestId, of: deployment, key: key) else { continue }
            let age = now.timeIntervalSince1970 - Double(request.atSeconds)
            guard age <= ageLimit / .seconds(1) else {
                return refuse("its request is older than \(Int(ageLimit / .seconds(86_400))) days")
            }
            return .success((deployment, request))
        }
        return refuse("its requestId was not given out by this controller's proxy")
    }

    static func isLabel(_ text: String) -> Bool {
        (1...labelBytes).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains($0))
            }
    }
}
