import ControlPorts
import Foundation
import Presentation
import Rollouts

/// The measurements of the demo, and whether it went as planned.
package struct DemoReport: Sendable {
    struct Release: Sendable {
        var version: String
        var revision: String
        var committedAt: Date
        var gates: [GateSummary]
    }

    var isPromoted = false
    var isRolledBack = false
    var releases: [Release] = []
    var tallies: [String: SteadyLoad.Tally] = [:]

    private func tally(_ version: String) -> SteadyLoad.Tally? {
        releases.first { $0.version == version }.flatMap { tallies[$0.revision] }
    }

    private func secondsToFirstRequest(_ version: String) -> Double? {
        guard let release = releases.first(where: { $0.version == version }) else { return nil }
        return tally(version)?.firstAt?.timeIntervalSince(release.committedAt)
    }

    private var secondsToRestored: Double? {
        guard let bad = tally("3"), let first = bad.firstErrorAt, let last = bad.lastAt else { return nil }
        return last.timeIntervalSince(first)
    }

    private var served: Int { tallies.values.map(\.requests).reduce(0, +) }
    private var failed: Int { tallies.values.map(\.failures).reduce(0, +) }
    private var failedByBad: Int { tally("3")?.failures ?? 0 }

    /// What did not happen as planned; empty where everything did.
    package var shortfalls: [String] {
        var list: [String] = []
        if !isPromoted { list.append("version 2 was not promoted") }
        if !isRolledBack { list.append("version 3 was not rolled back to version 2") }
        if failed != failedByBad {
            list.append("\(failed - failedByBad) requests failed that were not answered by version 3")
        }
        if served == 0 { list.append("no request was served") }
        return list
    }

    package var table: String {
        func seconds(_ value: Double?) -> String { value.map { String(format: "%.2f s", $0) } ?? "-" }
        var rows = [
            ("requests served", "\(served)"),
            ("requests failed", "\(failed) (\(failedByBad) of them answered by version 3)"),
            ("commit to first candidate request, version 2", seconds(secondsToFirstRequest("2"))),
            ("commit to first candidate request, version 3", seconds(secondsToFirstRequest("3"))),
            ("first bad request to restored traffic", seconds(secondsToRestored)),
        ]
        for release in releases {
            rows += release.gates.map {
                ("version \(release.version), gate \($0.name)", "\($0.verdictText): \($0.reason)")
            }
        }
        let width = rows.map(\.0.count).max() ?? 0
        return "\n"
            + rows.map { "  " + $0.0.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.1 }.joined(
                separator: "\n") + "\n"
    }
}

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
