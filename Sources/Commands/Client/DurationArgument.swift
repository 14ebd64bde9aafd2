import ArgumentParser
import ModelManifests

/// A duration with its text as written, so that messages can repeat it.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
    var duration: Duration
    var text: String

    init(duration: Duration, text: String) {
        self.duration = duration
        self.text = text
    }

    init?(argument: String) {
        guard let duration = Duration(goText: argument) else { return nil }
        self.init(duration: duration, text: argument)
    }

    var description: String { text }
}
