import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct ContractEvidenceTests {
    typealias Tensor = ModelContract.Tensor

    static let start = Date(timeIntervalSinceReferenceDate: 0)
    static let stable = ModelContract(
        inputs: [Tensor(name: "x", datatype: "FP32", shape: [-1, 4])],
        outputs: [Tensor(name: "p", datatype: "FP64", shape: [-1, 2])])

    static func run(_ answers: [(seconds: Double, answer: ContractAnswer)]) -> GateEvidence {
        var evidence = GateEvidence(
            spec: GateSpec(name: "gate", kind: .contract(ContractGate())), alpha: 0, startedAt: start)
        for (seconds, answer) in answers {
            let at = start.addingTimeInterval(seconds)
            guard let ordinal = evidence.questionDue(at: at) else { continue }
            evidence.take(.contract(answer), ordinal: ordinal, at: at)
        }
        return evidence
    }

    static func run(
        stable: ModelContract = stable, inputs: [Tensor]? = nil, outputs: [Tensor]? = nil
    ) -> GateEvidence {
        let candidate = ModelContract(inputs: inputs ?? stable.inputs, outputs: outputs ?? stable.outputs)
        return run([(0, .read(stable: stable, candidate: candidate))])
    }

    @Test("the same contract passes, and is not asked for again")
    func same() {
        let evidence = Self.run()
        #expect(evidence.verdict == .pass)
        #expect(evidence.samples == 1)
        #expect(
            evidence.reason == "the candidate accepts the inputs of stable (1) and returns its outputs (1)")
        #expect(evidence.questionDue(at: .distantFuture) == nil)
    }

    @Test(
        "an input must accept every shape that stable accepts",
        arguments: [
            ([-1, 4], [-1, 4], true), ([-1, 4], [-1, -1], true), ([8, 4], [-1, 4], true), ([8, 4], [8, 4], true),
            ([-1, 4], [8, 4], false), ([-1, 4], [-1, 5], false), ([-1, 4], [4], false), ([-1, 4], [-1, 4, 1], false),
            ([-1, -1], [-1, 4], false), ([], [], true), ([0], [-1], true),
        ])
    func inputShapes(stable: [Int], candidate: [Int], passes: Bool) {
        let evidence = Self.run(
            stable: ModelContract(inputs: [Tensor(name: "x", datatype: "FP32", shape: stable)], outputs: []),
            inputs: [Tensor(name: "x", datatype: "FP32", shape: candidate)])
        #expect(evidence.verdict == (passes ? .pass : .fail))
        #expect(passes || evidence.reason == "input 'x' has shape \(candidate), stable's has \(stable)")
    }

    @Test(
        "an output must be one that stable could return",
        arguments: [
            ([-1, 2], [-1, 2], true), ([-1, 2], [8, 2], true), ([-1, -1], [-1, 2], true), ([8, 2], [-1, 2], false),
            ([-1, 2], [-1, 3], false), ([-1, 2], [-1], false),
        ])
    func outputShapes(stable: [Int], candidate: [Int], passes: Bool) {
        let evidence = Self.run(
            stable: ModelContract(
                inputs: Self.stable.inputs, outputs: [Tensor(name: "p", datatype: "FP64", shape: stable)]),
            outputs: [Tensor(name: "p", datatype: "FP64", shape: candidate)])
        #expect(evidence.verdict == (passes ? .pass : .fail))
        #expect(passes || evidence.reason == "output 'p' has shape \(candidate), stable's has \(stable)")
    }

    @Test("one reason has all differences: lost, retyped and added inputs, lost and retyped outputs")
    func differences() {
        let stable = ModelContract(
            inputs: [
                Tensor(name: "a", datatype: "FP32", shape: [1]), Tensor(name: "b", datatype: "FP32", shape: [1]),
            ],
            outputs: [
                Tensor(name: "p", datatype: "FP64", shape: [1]), Tensor(name: "q", datatype: "FP64", shape: [1]),
            ])
        let evidence = Self.run(
            stable: stable,
            inputs: [
                Tensor(name: "b", datatype: "INT64", shape: [1]), Tensor(name: "c", datatype: "FP32", shape: [1]),
            ],
            outputs: [
                Tensor(name: "q", datatype: "BYTES", shape: [1]), Tensor(name: "more", datatype: "FP64", shape: [1]),
            ])
        #expect(evidence.verdict == .fail)
        #expect(
            evidence.reason == "input 'a' is no longer accepted; input 'b' is INT64, stable's is FP32; "
                + "input 'c' is required, but stable does not accept it; output 'p' is no longer returned; "
                + "output 'q' is BYTES, stable's is FP64")
    }

    @Test("metadata that names no inputs cannot be compared, and never passes", arguments: [true, false])
    func empty(isStable: Bool) {
        let empty = ModelContract(inputs: [], outputs: [])
        let evidence = Self.run([
            (0, .read(stable: isStable ? empty : Self.stable, candidate: isStable ? Self.stable : empty))
        ])
        #expect(evidence.verdict == .insufficient)
        #expect(evidence.reason.hasPrefix("the metadata of \(isStable ? "stable" : "candidate") names no inputs"))
        #expect(evidence.reason.hasSuffix("attempt 2 of 6 follows in 10 s"))
    }

    @Test("metadata that cannot be read decides nothing, is asked for again, and is given up in the end")
    func unreadable() {
        let fault = ContractAnswer.unreadable("candidate: http://127.0.0.1:1/v2/models/m answers 500")
        let once = Self.run([(0, fault), (9, .read(stable: Self.stable, candidate: Self.stable))])
        #expect(once.verdict == .insufficient)
        #expect(
            once.reason
                == "candidate: http://127.0.0.1:1/v2/models/m answers 500; attempt 2 of 6 follows in 10 s")
        let read = Self.run([(0, fault), (10, .read(stable: Self.stable, candidate: Self.stable))])
        #expect(read.verdict == .pass)
        let never = Self.run([0, 10, 40, 130, 400, 1_210].map { ($0, fault) })
        #expect(never.verdict == .insufficient)
        #expect(never.reason.hasSuffix("; given up after 6 attempts; `mlctl retry` starts over"))
        #expect(never.questionDue(at: .distantFuture) == nil)
    }

    @Test("it survives a restart, and stays small however many differences there are")
    func coding() throws {
        let many = (0..<900).map {
            Tensor(name: "input-\($0)-" + String(repeating: "é", count: 500), datatype: "FP32", shape: [-1])
        }
        let evidence = Self.run(stable: ModelContract(inputs: many, outputs: []), inputs: Self.stable.inputs)
        #expect(evidence.verdict == .fail)
        #expect(evidence.reason.hasSuffix("; and 893 more"))
        let data = try JSONEncoder().encode(evidence)
        #expect(data.count < 2_048)
        #expect(try JSONDecoder().decode(GateEvidence.self, from: data) == evidence)
    }
}
