import Controller
import ModelManifests

/// The output of `mlctl logs`. With several instances, each line begins with its instance.
enum LogText {
    static func lines(_ log: [LogLine], on canvas: Canvas) -> [String] {
        let instances = Set(log.map(\.instance))
        guard instances.count > 1 else { return log.map(\.text.printable) }
        let width = instances.map(\.columns).max() ?? 0
        return log.map { line in
            let label = line.instance.printable
            let padding = String(repeating: " ", count: max(0, width - label.columns))
            return canvas.paint(label + padding, .faint) + "  " + line.text.printable
        }
    }
}
