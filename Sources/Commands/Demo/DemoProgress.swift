import Controller
import Foundation

/// Prints progress, one line each, with the seconds since the start.
struct DemoProgress {
    private let start = ContinuousClock.now

    func say(_ text: String) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print(String(format: "%6.1fs  ", seconds) + text)
        fflush(nil)
    }

    static func line(_ status: DeploymentStatus) -> String {
        guard let candidate = status.candidate else { return "\(status.phase.rawValue): \(status.message)" }
        let gates = status.gates.map { "\($0.name) \($0.verdict)" }.joined(separator: ", ")
        let step = status.step.map { ", step \($0.index + 1) of \($0.count) (\($0.description))" } ?? ""
        let told = gates.isEmpty ? "" : "; \(gates)"
        return "\(status.phase.rawValue): version \(candidate.version) at \(candidate.weight) %\(step)\(told)"
    }
}
