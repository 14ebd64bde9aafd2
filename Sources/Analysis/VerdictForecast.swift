import Foundation
import ModelManifests

/// What an endpoint's users send now, as counted over the last minutes.
package struct TrafficRate: Hashable, Codable, Sendable {
    /// Requests that ended within `seconds`.
    package var requests: Int
    /// 5xx, connection failures, resets and time-outs among them.
    package var errors: Int
    /// 4xx among them.
    package var rejected: Int
    package var seconds: Double

    package init(requests: Int, errors: Int, rejected: Int, seconds: Double) {
        (self.requests, self.errors, self.rejected, self.seconds) = (requests, errors, rejected, seconds)
    }

    package var perSecond: Double { Double(requests) / seconds }
    package var errorShare: Double { Double(errors) / Double(requests) }
    package var rejectedShare: Double { Double(rejected) / Double(requests) }

    /// With fewer requests, or over a shorter time, nothing is forecast.
    static let leastRequests = 20
    package static let leastSeconds = 10.0

    package var isEnough: Bool { requests >= Self.leastRequests && seconds >= Self.leastSeconds }

    /// For example `12 requests/s, 0.5 % of them errors`.
    package var text: String {
        let errors = errors == 0 ? "no errors" : "\(EvidenceText.percent(errorShare)) of them errors"
        return "\(EvidenceText.number(Self.rounded(perSecond))) requests/s, \(errors)"
    }

    /// Two digits.
    private static func rounded(_ value: Double) -> Double {
        guard value > 0 else { return 0 }
        let magnitude = pow(10, floor(log10(value)) - 1)
        return (value / magnitude).rounded() * magnitude
    }
}

/// How long a rollout and the verdicts of its gates would take, before it begins. Pure, and the same inputs give the same result.
///
/// The gates' own evidence runs on counts that come exactly as expected, at the endpoint's traffic of now. So it knows everything
/// that the tests know: weights, steps, tolerances and rates. A real rollout has chance in it: the forecast is near the median
/// (`VerdictForecastTests` compares both, within a factor of two). Forecast are gates that count errors or rejected requests; for
/// the others too little is known before.
package struct VerdictForecast: Hashable, Codable, Sendable {
    /// A gate that acts, and what is forecast of it.
    package struct Gate: Hashable, Codable, Sendable {
        package var name: String
        /// Until it passes, if the candidate is as good as stable; nil if it does not within `horizonSeconds`.
        package var secondsToPass: Double?
        package var candidateRequestsToPass: Int?
        /// The candidate's share of bad requests that stands for a regression.
        package var regression: Double
        /// Until it fails then; nil if it does not before its share of traffic ends.
        package var secondsToFail: Double?
        package var candidateRequestsToFail: Int?
        /// `errors` or `rejected requests`.
        package var counts: String
    }

    package struct Step: Hashable, Codable, Sendable {
        /// Nil where it is not known how long it lasts.
        package var seconds: Double?
        /// For example `1 minute`, or `until the gates pass: about 18 minutes`.
        package var text: String
    }

    package var traffic: TrafficRate
    package var gates: [Gate]
    package var steps: [Step]

    /// What takes longer is not forecast.
    package static let horizonSeconds = 30.0 * 86_400
    /// A rollout in flight is looked at twice a second.
    static let lookSeconds = 0.5
    /// Looks of one run, so that a forecast takes no longer than some tenths of a second.
    static let looksMax = 20_000
    /// The regression that is shown: to this share, or to twice stable's.
    static let regressionShare = 0.05

    /// - Returns: nil where too little traffic was seen, or where no traffic is split between two revisions.
    package init?(_ rollout: RolloutSpec, traffic: TrafficRate, slices: [TrafficSlice] = []) {
        let stages = Stage.all(of: rollout)
        guard traffic.isEnough, stages.contains(where: { $0.share > 0 && $0.share < 1 || $0.mirror > 0 }) else {
            return nil
        }
        self.traffic = traffic
        let good = Run(rollout, stages, traffic, slices, regressed: nil, to: 0)
        gates = rollout.gates.filter { $0.forecastQuantity != nil && !$0.warnOnly }.map { gate in
            let stable = gate.forecastQuantity == .errors ? traffic.errorShare : traffic.rejectedShare
            let bad = max(Self.regressionShare, 2 * stable)
            let run =
                bad < 1 ? Run(rollout, stages, traffic, slices, regressed: gate.forecastQuantity, to: bad) : nil
            let (passed, failed) = (good.passes[gate.name], run?.failures[gate.name])
            return Gate(
                name: gate.name, secondsToPass: passed?.seconds, candidateRequestsToPass: passed?.requests,
                regression: bad, secondsToFail: failed?.seconds, candidateRequestsToFail: failed?.requests,
                counts: gate.forecastQuantity == .errors ? "errors" : "rejected requests")
        }
        steps = Stage.steps(
            of: rollout, stages, good, rollout.gates.filter { !$0.warnOnly && $0.forecastQuantity == nil })
    }

    /// For example "a verdict on errors takes about 18 minutes (12,000 requests of the candidate)".
    package var lines: [String] {
        gates.map { gate in
            let pass =
                gate.secondsToPass.map {
                    "a verdict on \(gate.name) takes about \(PassEstimate.time($0)) ("
                        + "\(EvidenceText.count(PassEstimate.rounded(Double(gate.candidateRequestsToPass ?? 0)))) requests of the candidate)"
                } ?? "a verdict on \(gate.name) takes over \(PassEstimate.time(Self.horizonSeconds))"
            let share = EvidenceText.percent(gate.regression)
            let fail =
                gate.candidateRequestsToFail.map { requests in
                    "a regression to \(share) \(gate.counts) is found after about "
                        + "\(EvidenceText.count(PassEstimate.rounded(Double(requests)))) requests of the candidate"
                        + (gate.secondsToFail.map { ", \(PassEstimate.time($0))" } ?? "")
                } ?? "a regression to \(share) \(gate.counts) is not found while the traffic is split"
            return "\(pass); \(fail)"
        }
    }
}

/// A time of the rollout with the same share of traffic.
private struct Stage: Hashable {
    /// Of the candidate's requests in all, 0…1.
    var share: Double
    /// Of requests whose copies it gets.
    var mirror: Double
    /// By the clock; nil: until the gates pass.
    var seconds: Double?
    /// Whether it also ends when all gates pass.
    var endsWithEvidence: Bool
    /// The step that it belongs to.
    var step: Int

    /// The last share below all of it is held until the gates pass.
    static func all(of rollout: RolloutSpec) -> [Stage] {
        var stages: [Stage] = []
        var (share, mirror) = (0.0, 0.0)
        func hold(_ index: Int) {
            stages.append(Stage(share: share, mirror: mirror, seconds: nil, endsWithEvidence: true, step: index))
        }
        for (index, step) in rollout.steps.enumerated() {
            switch step.action {
            case .setWeight(100):
                if share > 0 || mirror > 0 { hold(index) }
                return stages
            case .setWeight(let weight):
                (share, mirror) = (Double(weight) / 100, 0)
                if step.advance == .evidence { hold(index) }
            case .mirror(let percent):
                mirror = Double(percent) / 100
                if step.advance == .evidence { hold(index) }
            case .pause(let duration):
                guard let duration else { continue }
                stages.append(
                    Stage(
                        share: share, mirror: mirror, seconds: duration / .seconds(1),
                        endsWithEvidence: step.advance == .evidence, step: index))
            case .gate: hold(index)
            case .approval: continue
            }
        }
        return stages
    }

    static func steps(
        of rollout: RolloutSpec, _ stages: [Stage], _ run: Run, _ others: [GateSpec]
    ) -> [VerdictForecast.Step] {
        let held = Set(stages.filter { $0.seconds == nil }.map(\.step))
        return rollout.steps.enumerated().map { index, step in
            let own = stages.indices.filter { stages[$0].step == index }.compactMap { run.stageSeconds[$0] }
            let seconds = own.reduce(0, +)
            let least = others.isEmpty ? "" : "at least "
            let about = own.isEmpty ? nil : "\(least)about \(PassEstimate.time(seconds))"
            let unknown = others.isEmpty ? "" : " (\(others.map(\.name).joined(separator: ", ")): not known before)"
            switch step.action {
            case .approval, .pause(nil): return VerdictForecast.Step(seconds: nil, text: "until a person approves")
            case .pause(let duration?) where step.advance == .evidence:
                return VerdictForecast.Step(
                    seconds: own.isEmpty ? nil : seconds,
                    text: others.isEmpty && !own.isEmpty
                        ? "at most \(duration.goText), until the gates pass: \(about ?? "")"
                        : "at most \(duration.goText)")
            case .pause(let duration?):
                return VerdictForecast.Step(seconds: duration / .seconds(1), text: duration.goText)
            case .gate(let name):
                return VerdictForecast.Step(
                    seconds: own.isEmpty ? nil : seconds,
                    text: "until \(name) passes\(about.map { ": \($0)" } ?? ": not known before")")
            case .setWeight, .mirror:
                guard held.contains(index), !rollout.gates.isEmpty else {
                    return VerdictForecast.Step(seconds: 0, text: "at once")
                }
                return VerdictForecast.Step(
                    seconds: own.isEmpty ? nil : seconds,
                    text: "until the gates pass: \(about ?? "not known before")\(unknown)")
            }
        }
    }
}

extension GateSpec {
    /// What a forecast can count: shares of requests that the proxy counts.
    fileprivate var forecastQuantity: ForecastQuantity? {
        guard case .compare(let gate) = kind, counters == MetricSourceName.proxy else { return nil }
        return switch gate.metric {
        case .errors: .errors
        case .rejected: .rejected
        default: nil
        }
    }
}

private enum ForecastQuantity: Hashable { case errors, rejected }

/// One run of the gates over expected counts.
private struct Run {
    struct Verdict: Hashable {
        var seconds: Double
        var requests: Int
    }

    private(set) var passes: [String: Verdict] = [:]
    private(set) var failures: [String: Verdict] = [:]
    /// How long each stage lasted; nothing for those that were not reached or did not end.
    private(set) var stageSeconds: [Int: Double] = [:]

    private var judgement: Judgement
    private var seconds = 0.0
    private var requests = 0
    private var looks = 0

    /// - Parameters:
    ///   - regressed: what the candidate does worse than stable; nil: it is as good.
    ///   - bad: its share then.
    init(
        _ rollout: RolloutSpec, _ stages: [Stage], _ traffic: TrafficRate, _ slices: [TrafficSlice],
        regressed: ForecastQuantity?, to bad: Double
    ) {
        judgement = Judgement(
            gates: rollout.gates, falseRollbackRate: rollout.falseRollbackRate,
            missedRegressionRate: rollout.missedRegressionRate, startedAt: .init(timeIntervalSinceReferenceDate: 0),
            slices: slices)
        let acting = rollout.gates.filter { !$0.warnOnly }
        // Nobody knows when the others pass: a pause may last until its end, and a hold longer.
        let hasOthers = acting.contains { $0.forecastQuantity == nil }
        let watched = Set(rollout.gates.filter { $0.forecastQuantity != nil && !$0.warnOnly }.map(\.name))
        var stable = ExpectedCounts(errors: traffic.errorShare, rejected: traffic.rejectedShare)
        var candidate = ExpectedCounts(
            errors: regressed == .errors ? bad : traffic.errorShare,
            rejected: regressed == .rejected ? bad : traffic.rejectedShare)
        for (index, stage) in stages.enumerated() {
            let (own, others) =
                stage.mirror > 0 ? (stage.mirror, 1.0) : (stage.share, 1 - stage.share)
            let began = seconds
            guard own > 0, others > 0, stage.seconds != nil || !watched.isEmpty else {
                guard let length = stage.seconds else { continue }
                seconds += length
                stageSeconds[index] = length
                continue
            }
            // A look with fewer than eight requests of a side waits for the next one anyway.
            let look = max(VerdictForecast.lookSeconds, 8 / (traffic.perSecond * min(own, others)))
            while true {
                if let length = stage.seconds, seconds - began >= length { break }
                if stage.endsWithEvidence, !hasOthers || stage.seconds == nil, !acting.isEmpty,
                    watched.allSatisfy({ passes[$0] != nil })
                {
                    break
                }
                guard looks < VerdictForecast.looksMax, seconds < VerdictForecast.horizonSeconds,
                    regressed == nil || !watched.allSatisfy({ failures[$0] != nil || passes[$0] != nil })
                else { return }
                let length = stage.seconds.map { min(look, began + $0 - seconds) } ?? look
                looks += 1
                seconds += length
                let counts = candidate.next(traffic.perSecond * length * own)
                requests += counts.requests
                judgement.absorb(
                    Interval(
                        at: .init(timeIntervalSinceReferenceDate: seconds),
                        stable: stable.next(traffic.perSecond * length * others), candidate: counts))
                note(watched)
            }
            stageSeconds[index] = seconds - began
        }
    }

    private mutating func note(_ watched: Set<String>) {
        for evidence in judgement.evidence where watched.contains(evidence.spec.name) {
            let now = Verdict(seconds: seconds, requests: requests)
            switch evidence.verdict {
            case .pass: if passes[evidence.spec.name] == nil { passes[evidence.spec.name] = now }
            case .fail: if failures[evidence.spec.name] == nil { failures[evidence.spec.name] = now }
            case .insufficient: break
            }
        }
    }
}

/// Whole counts that follow a rate as closely as possible.
private struct ExpectedCounts {
    let errors: Double
    let rejected: Double
    private var exact = 0.0
    private var given = (requests: 0, errors: 0, rejected: 0)

    init(errors: Double, rejected: Double) { (self.errors, self.rejected) = (errors, rejected) }

    mutating func next(_ requests: Double) -> SideCounts {
        exact += requests
        let now = (requests: Int(exact), errors: Int(exact * errors + 0.5), rejected: Int(exact * rejected + 0.5))
        defer { given = now }
        return SideCounts(
            requests: now.requests - given.requests,
            errors: min(now.errors - given.errors, now.requests - given.requests),
            rejected: now.rejected - given.rejected)
    }
}
