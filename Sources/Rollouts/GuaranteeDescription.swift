import Analysis
import ModelManifests

/// The combined guarantee of a deployment's comparing gates and its assumptions, as text.
package struct GuaranteeDescription: Hashable, Codable, Sendable {
    package var text: String
    /// For example `errors, slow: failures of an instance within 5 ms … are one event`.
    package var assumes: [String]

    /// - Parameter slices: those that gates are judged on.
    /// - Returns: nil where no gate acts on what it finds.
    package init?(_ rollout: RolloutSpec, slices: [TrafficSlice]) {
        let promising = rollout.gates.filter { $0.isComparing && !$0.warnOnly }
        let others = rollout.gates.filter { $0.promisesNothing && !$0.warnOnly }
        guard !promising.isEmpty || !others.isEmpty else { return nil }
        let odds = oneIn(rollout.falseRollbackRate)
        let names = promising.map(\.name).joined(separator: ", ")
        let sliced = slices.isEmpty ? [] : promising.filter(\.isJudgedOnSlices).map(\.name)
        let everywhere =
            sliced.isEmpty
            ? ""
            : " (\(sliced.joined(separator: ", ")) also in each slice: \(slices.map(\.name).joined(separator: ", ")))"
        let promised =
            promising.isEmpty
            ? nil
            : "\(names) roll back a candidate that is within their tolerances\(everywhere) in at most \(odds) rollouts"
        let unpromised =
            others.isEmpty
            ? nil : "\(others.map(\.name).joined(separator: ", ")): nothing is promised about false alarms"
        text = [promised, unpromised].compactMap(\.self).joined(separator: "; ")
        var seen: [String] = []
        let grouped = Dictionary(grouping: promising) { gate -> String in
            let words = gate.words(alpha: nil, missedRegressionRate: rollout.missedRegressionRate)
            let assumption = words.assumes ?? ""
            if !seen.contains(assumption) { seen.append(assumption) }
            return assumption
        }
        assumes = seen.filter { !$0.isEmpty }.map { assumption in
            "\((grouped[assumption] ?? []).map(\.name).joined(separator: ", ")): \(assumption)"
        }
    }
}

/// 0.01 → `1 of 100`.
private func oneIn(_ rate: Double) -> String { "1 of \(Int((1 / rate).rounded()))" }

extension GateSpec {
    fileprivate var promisesNothing: Bool {
        switch kind {
        case .cost, .threshold, .drift: true
        case .compare, .distribution, .agreement, .goal, .check, .contract: false
        }
    }
}
