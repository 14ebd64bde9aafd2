import ControlPorts
import ModelManifests

/// What is wrong with repositories or their manifests, and what to do. Of each a few: whoever commits ten thousand mistakes
/// fills nobody's screen.
package enum SourceProblems {
    package static let shown = 5

    package static func lines(_ sources: [SourceStatus], for deployment: DeploymentKey? = nil, on canvas: Canvas)
        -> [String]
    {
        var lines: [String] = []
        for source in sources {
            if let error = source.error {
                let project = sources.count > 1 ? source.project.map { "\($0): " } ?? "" : ""
                let text = "\(project)\(source.repo) (\(source.referenceText)): \(error)".printable
                lines += canvas.wrapped(text).map { canvas.paint($0, .bad) }
            }
            let own = source.diagnostics.sorted().filter {
                deployment == nil || $0.deployment == nil || $0.deployment == deployment
            }
            for diagnostic in own.prefix(shown) {
                lines += canvas.wrapped(diagnostic.description.printable).map { canvas.paint($0, .warning) }
            }
            let more = own.count - min(own.count, shown) + (deployment == nil ? source.diagnosticsLeftOut ?? 0 : 0)
            if more > 0 {
                let project = source.project.map { " --project \($0)" } ?? ""
                lines += canvas.wrapped("and \(more) more: mlctl status\(project) -o json").map {
                    canvas.paint($0, .warning)
                }
            }
        }
        return lines.isEmpty ? [] : [""] + lines
    }
}
