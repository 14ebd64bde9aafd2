import ControlPorts
import Foundation
import ModelManifests

/// The output of `mlctl status -w` without a terminal: one line per change.
package struct StatusChanges {
    private var summaries: [DeploymentKey: String] = [:]
    private var problems: [String] = []

    package init() {}

    /// - Returns: a line for every deployment that is new, changed or gone since the last call.
    package mutating func lines(_ status: ControllerStatus, now: Date) -> [String] {
        let time = RelativeTime.clock(now)
        var lines: [String] = []
        var current: [DeploymentKey: String] = [:]
        for deployment in status.deployments.sorted(by: { $0.key < $1.key }) {
            current[deployment.key] = deployment.summary
            if summaries[deployment.key] != deployment.summary {
                lines.append("\(time)  \(deployment.key)  \(deployment.summary)")
            }
        }
        for key in summaries.keys.sorted() where current[key] == nil { lines.append("\(time)  \(key)  gone") }
        let found = SourceProblems.lines(status.sources, on: Canvas()).filter { !$0.isEmpty }
        if found != problems {
            lines += found.isEmpty ? ["\(time)  all manifests are valid"] : found.map { "\(time)  \($0)" }
        }
        summaries = current
        problems = found
        return lines
    }
}
