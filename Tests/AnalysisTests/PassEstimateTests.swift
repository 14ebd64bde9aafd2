import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct PassEstimateTests {
    private static let start = Date(timeIntervalSinceReferenceDate: 0)

    /// Equal versions; stable gets three times the candidate's requests.
    private static func absorb(
        _ evidence: inout GateEvidence, looks: Range<Int>, candidate: Int, errorRate: Double,
        candidateRate: Double? = nil
    ) {
        for look in looks {
            // Whole errors, evenly spread: the effect of chance on the estimate is not tested here.
            func errors(_ requests: Int, _ rate: Double) -> Int {
                Int(Double(requests * (look + 1)) * rate) - Int(Double(requests * look) * rate)
            }
            evidence.absorb(
                Interval(
                    at: start.addingTimeInterval(Double(look) + 1),
                    stable: SideCounts(requests: 3 * candidate, errors: errors(3 * candidate, errorRate)),
                    candidate: SideCounts(requests: candidate, errors: errors(candidate, candidateRate ?? errorRate))),
                missedRegressionRate: 0.05)
        }
    }

    private static func errorsGate(minSamples: Int = 0) -> GateEvidence {
        let gate = CompareGate(metric: .errors, minSamples: minSamples)
        return GateEvidence(spec: GateSpec(name: "errors", kind: .compare(gate)), alpha: 0.009, startedAt: start)
    }

    /// The samples at which it passes, and the estimate at each look.
    private static func run(errorRate: Double, perLook: Int, minSamples: Int = 0) -> (
        passedAt: Int, told: [Int: String]
    ) {
        var evidence = errorsGate(minSamples: minSamples)
        var told: [Int: String] = [:]
        for look in 0..<5_000 {
            absorb(&evidence, looks: look..<look + 1, candidate: perLook, errorRate: errorRate)
            if evidence.verdict == .pass { return (evidence.samples, told) }
            told[evidence.samples] = evidence.missing(at: start.addingTimeInterval(Double(look) + 1.5))
        }
        return (0, told)
    }

    @Test(
        "with half of the evidence, the estimate is right within a factor of two",
        arguments: [(0.0, 50), (0.01, 100), (0.05, 100)])
    func accurate(errorRate: Double, perLook: Int) throws {
        let (passedAt, told) = Self.run(errorRate: errorRate, perLook: perLook)
        try #require(passedAt > 0)
        let half = try #require(told.keys.sorted().last { $0 <= passedAt / 2 })
        let text = try #require(told[half])
        let found = try #require(text.firstMatch(of: /about ([\d,]+) more requests, (.+) at this rate/))
        let count = try #require(Double(found.output.1.replacing(",", with: "")))
        let truth = Double(passedAt - half)
        #expect(count > truth / 2 && count < truth * 2, "\(text), and it was \(truth)")
    }

    @Test("the time follows the recent rate, as text")
    func time() throws {
        let (_, told) = Self.run(errorRate: 0, perLook: 10, minSamples: 10_000)
        let at = try #require(told.keys.sorted().last { $0 <= 4_000 })
        #expect(told[at]?.hasSuffix(", 10 minutes at this rate") == true, "\(told[at] ?? "")")
        #expect(told[at]?.hasPrefix("about 6,000 more requests") == true, "\(told[at] ?? "")")
    }

    @Test("the text says when there is no estimate: at first, without requests, and without progress towards a pass")
    func honest() throws {
        var evidence = Self.errorsGate()
        #expect(evidence.missing(at: Self.start) == nil)
        Self.absorb(&evidence, looks: 0..<1, candidate: 10, errorRate: 0)
        #expect(
            evidence.missing(at: Self.start.addingTimeInterval(1))?.hasSuffix("there are too few samples so far")
                == true)
        Self.absorb(&evidence, looks: 1..<40, candidate: 10, errorRate: 0)
        try #require(evidence.verdict == .insufficient)
        #expect(evidence.missing(at: Self.start.addingTimeInterval(41))?.hasSuffix("at this rate") == true)
        #expect(
            evidence.missing(at: Self.start.addingTimeInterval(120))?.hasSuffix("requests, but none arrive now") == true
        )

        var worse = Self.errorsGate()
        Self.absorb(&worse, looks: 0..<60, candidate: 20, errorRate: 0.05, candidateRate: 0.08)
        try #require(worse.verdict == .insufficient)
        #expect(
            worse.missing(at: Self.start.addingTimeInterval(61))?.hasPrefix("it is not known how many more") == true,
            "\(worse.missing(at: Self.start.addingTimeInterval(61)) ?? "")")
    }

    @Test("a gate with a verdict needs nothing, and there is no estimate if a pass would mean nothing")
    func none() {
        var passed = Self.errorsGate()
        Self.absorb(&passed, looks: 0..<200, candidate: 100, errorRate: 0)
        #expect(passed.verdict == .pass)
        #expect(passed.missing(at: Self.start) == nil)
        #expect(passed.reason.contains("it could still be up to 0.5 percentage points worse"), "\(passed.reason)")

        var hopeless = Self.errorsGate()
        Self.absorb(&hopeless, looks: 0..<200, candidate: 100, errorRate: 0.9)
        #expect(hopeless.verdict == .insufficient)
        #expect(hopeless.missing(at: Self.start.addingTimeInterval(200)) == nil)
        #expect(hopeless.reason.contains("a pass would mean nothing"), "\(hopeless.reason)")
    }

    @Test(
        "the pace is not in the record: the next look finds it again over all the evidence; a changed margin resets it"
    )
    func record() throws {
        var evidence = Self.errorsGate()
        Self.absorb(&evidence, looks: 0..<30, candidate: 10, errorRate: 0)
        var read = try JSONDecoder().decode(GateEvidence.self, from: JSONEncoder().encode(evidence))
        #expect(read == evidence)
        let at = Self.start.addingTimeInterval(31)
        #expect(evidence.missing(at: at) != nil && read.missing(at: at) == nil)
        Self.absorb(&read, looks: 30..<31, candidate: 10, errorRate: 0)
        #expect(read.missing(at: at)?.hasPrefix("about ") == true)
        let wider = CompareGate(metric: .errors, passMargin: PassMargin(relative: 1, absolute: 0.02))
        let adopted = evidence.adopting(GateSpec(name: "errors", kind: .compare(wider)))
        #expect(adopted?.missing(at: at) == nil)
    }
}
