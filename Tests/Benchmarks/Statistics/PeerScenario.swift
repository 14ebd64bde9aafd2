import Analysis
import Foundation
import TestSupport

/// An hour of a canary at one weight, the same for mlctl and for other tools.
struct PeerScenario: Sendable {
    static let minutes = 60
    static let weight = 0.10
    /// How often mlctl looks. The other tools look once a minute.
    static let looksPerMinute = 6

    var what: String
    var requestsPerSecond = 50.0
    /// Stable's error rate, by the elapsed share of the hour.
    var stable: @Sendable (Double) -> Double
    /// The candidate's rate divided by stable's. At most 1 means healthy.
    var ratio: Double
    /// The name of the healthy scenario with the same stable.
    var healthy: String

    var isHealthy: Bool { ratio <= 1 }

    static func pair(
        _ stable: Double, _ candidates: [Double], requestsPerSecond: Double = 50
    ) -> [PeerScenario] {
        let healthy = "equal, \(percent(stable)) errors" + (requestsPerSecond < 50 ? ", little traffic" : "")
        return ([stable] + candidates).map { candidate in
            PeerScenario(
                what: candidate == stable
                    ? healthy
                    : "\(percent(stable)) → \(percent(candidate))" + (requestsPerSecond < 50 ? ", little traffic" : ""),
                requestsPerSecond: requestsPerSecond, stable: { _ in stable }, ratio: candidate / stable,
                healthy: healthy)
        }
    }

    private static let incident = "equal, both go 0.5 → 3 % after 2 min"

    static let all: [PeerScenario] =
        pair(0.001, [0.01]) + pair(0.01, [0.02, 0.03]) + pair(0.05, [0.10])
        + pair(0.01, [0.10], requestsPerSecond: 1) + [
            PeerScenario(
                what: incident, stable: { $0 < 2.0 / 60 ? 0.005 : 0.03 }, ratio: 1,
                healthy: incident)
        ]

    /// The counts of one stream's hour: at mlctl's looks, and the same by minutes.
    func hour(_ draws: inout SeededDraws) -> (looks: [Interval], minutes: [CanaryMinute]) {
        var looks: [Interval] = []
        var minutes: [CanaryMinute] = []
        let perMinute = Int(requestsPerSecond * 60)
        let toCandidate = Int(Double(perMinute) * Self.weight) / Self.looksPerMinute
        for minute in 0..<Self.minutes {
            let rate = stable(Double(minute) / Double(Self.minutes))
            var (candidate, baseline) = (SideCounts(), SideCounts())
            for _ in 0..<Self.looksPerMinute {
                let own = draws.part(toCandidate, ratio * rate)
                let beside = draws.part(toCandidate, rate)
                let rest = draws.part(perMinute / Self.looksPerMinute - 2 * toCandidate, rate)
                candidate.add(own)
                baseline.add(beside)
                looks.append(
                    Interval(
                        at: Promise.start.addingTimeInterval(
                            60 * Double(looks.count + 1) / Double(Self.looksPerMinute)),
                        stable: beside + rest, candidate: own))
            }
            minutes.append(
                CanaryMinute(
                    candidate: .init(requests: candidate.requests, errors: candidate.errors),
                    baseline: .init(requests: baseline.requests, errors: baseline.errors)))
        }
        return (looks, minutes)
    }

    /// mlctl's result: failed or passed, whichever comes first.
    static func end(of looks: [Interval]) -> CanaryEnd {
        var judgement = Promise.judgement()
        for (index, look) in looks.enumerated() {
            judgement.absorb(look)
            let minute = index / looksPerMinute + 1
            switch judgement.verdict {
            case .fail: return .rolledBack(minute: minute)
            case .pass: return .promoted(minute: minute)
            case .insufficient: break
            }
        }
        return .undecided
    }

    /// Settings as in the tools' documentation, and as tuned by a person who knows stable's rate and sets the bound at
    /// mlctl's pass margin.
    var rules: [(name: String, rule: any PeerRule)] {
        let known = 1 - Promise.rateAtPassMargin(stable(0))
        return [
            ("Flagger, 99 %", FlaggerRule()), ("Flagger, tuned", FlaggerRule(minimumSuccessRate: known)),
            ("Argo, 95 %", ArgoRolloutsRule()), ("Argo, tuned", ArgoRolloutsRule(minimumSuccessRate: known)),
            ("Kayenta at 60 min", KayentaRule()), ("Kayenta every 10", KayentaRule(analysisIntervalMinutes: 10)),
        ]
    }
}

extension SeededDraws {
    fileprivate mutating func part(_ requests: Int, _ rate: Double) -> SideCounts {
        SideCounts(requests: requests, errors: binomial(requests, rate))
    }
}
