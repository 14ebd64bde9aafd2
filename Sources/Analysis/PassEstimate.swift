import Foundation
import RealModule

/// How close a gate's evidence is to a pass.
struct PassProgress: Hashable, Sendable {
    /// ln of the evidence. The gate passes at ln 1/`missedRegressionRate`.
    var logEvidence: Double
    /// The gate does not pass with fewer samples.
    var minSamples: Int
    /// The unit of the samples, for example "request".
    var unit: String
}

/// How fast a gate learns, over at least the last half of its samples, because weights and traffic change during a
/// rollout.
struct EvidencePace: Hashable, Sendable {
    private struct Mark: Sendable {
        var at: Date
        var samples: Int
        var logEvidence: Double
    }

    private static let never = Mark(at: .distantPast, samples: 0, logEvidence: 0)

    private var older = never
    private var newer = never
    private var last = never

    /// Whether anything was noted since this controller started.
    var isKnown: Bool { last.samples > 0 }

    /// All values are equal, because a gate's evidence does not depend on when it arrived.
    static func == (left: EvidencePace, right: EvidencePace) -> Bool { true }

    func hash(into hasher: inout Hasher) {}

    init() {}

    /// - Parameter start: when the gate began to learn: from nothing, or from its record.
    mutating func note(since start: Date, at now: Date, samples: Int, logEvidence: Double) {
        guard samples > last.samples else { return }
        if !isKnown {
            let start = Mark(at: start, samples: 0, logEvidence: 0)
            (older, newer) = (start, start)
        }
        last = Mark(at: now, samples: samples, logEvidence: logEvidence)
        guard samples >= 2 * max(newer.samples, 1) else { return }
        older = newer
        newer = last
    }

    /// With fewer samples there is no estimate.
    static let leastSamples = 20
    /// After this time without a sample, or ten times as long as one sample takes, no samples are arriving.
    static let silenceSeconds = 30.0

    private var samplesPerSecond: Double {
        Double(last.samples - older.samples) / max(last.at.timeIntervalSince(older.at), 0.001)
    }

    /// What is still missing for a pass, if everything continues as before.
    ///
    /// - Parameter missedRegressionRate: the error rate of a pass.
    func estimate(_ progress: PassProgress, missedRegressionRate: Double, at now: Date) -> PassEstimate {
        let gained = last.samples - older.samples
        guard gained >= Self.leastSamples else { return .unknown("there are too few samples so far") }
        let growth = (last.logEvidence - older.logEvidence) / Double(gained)
        let missing = -.log(missedRegressionRate) - last.logEvidence
        guard missing <= 0 || growth > 0 else { return .unknown("the latest samples do not lead towards a pass") }
        let needed = max(missing > 0 ? missing / growth : 0, Double(progress.minSamples - last.samples), 1)
        let silence = now.timeIntervalSince(last.at)
        let comes = silence < max(Self.silenceSeconds, 10 / samplesPerSecond)
        return .samples(needed, unit: progress.unit, seconds: comes ? needed / samplesPerSecond : nil)
    }
}

/// What a gate without a verdict still needs to pass.
enum PassEstimate: Hashable, Sendable {
    /// - Parameter seconds: the time at the current rate. Nil if no samples arrive now.
    case samples(Double, unit: String, seconds: Double?)
    /// There is no estimate, for this reason.
    case unknown(String)

    /// For example "about 700 more requests, 4 minutes at this rate".
    var text: String {
        switch self {
        case .unknown(let reason): return "it is not known how many more it needs: \(reason)"
        case .samples(let count, let unit, let seconds):
            let more = "about \(EvidenceText.count(Self.rounded(count))) more \(unit)s"
            return seconds.map { "\(more), \(Self.time($0)) at this rate" } ?? "\(more), but none arrive now"
        }
    }

    /// Rounded to one digit, or two if the first is 1: the estimate is no more precise.
    static func rounded(_ count: Double) -> Double {
        let count = max(count.rounded(.up), 1)
        let magnitude = Double.pow(10, Double.log10(count).rounded(.down))
        let step = count < 2 * magnitude ? magnitude / 10 : magnitude
        return step < 1 ? count : (count / step).rounded() * step
    }

    static func time(_ seconds: Double) -> String {
        let units = [("day", 86_400.0), ("hour", 3_600), ("minute", 60), ("second", 1)]
        let (name, length) = units.first { seconds >= 1.5 * $0.1 } ?? ("second", 1)
        return EvidenceText.count(Int(countable: max((seconds / length).rounded(), 1)), name)
    }
}
