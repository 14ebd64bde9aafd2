import ArgumentParser
import Foundation
import Logging
import Presentation
import SafeText

/// Writes one line per message to standard error: `12:31:07 info  Commit read  changed=1 commit=…`.
struct PlainLogHandler: LogHandler {
    /// The limit for a value or a message, in bytes.
    private static let longestValue = 16 << 10

    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let line = Self.line(
            time: Date().formatted(.iso8601), level: event.level, message: "\(event.message)",
            metadata: metadata.merging(event.metadata ?? [:]) { _, new in new })
        // The reader of the log may be gone, which is no reason to stop serving.
        try? FileHandle.standardError.write(contentsOf: Data("\(line)\n".utf8))
    }

    /// Escapes messages and values, which come from repositories, servers and model servers, so that none can start a new line.
    static func line(time: String, level: Logger.Level, message: String, metadata: Logger.Metadata) -> String {
        let pairs = metadata.sorted { $0.key < $1.key }
            .map { "\(Escape.line($0.key))=\(Escape.logValue(cut("\($0.value)")))" }
        return ([time, level.rawValue, Escape.line(cut(message))] + pairs).joined(separator: " ")
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count > longestValue ? String(text.prefix(longestValue / 4)) + "…" : text
    }
}

struct LogLevelArgument: ExpressibleByArgument {
    var level: Logger.Level

    init(_ level: Logger.Level) { self.level = level }

    init?(argument: String) {
        guard let level = Logger.Level(rawValue: argument) else { return nil }
        self.level = level
    }

    var defaultValueDescription: String { level.rawValue }
    static var allValueStrings: [String] { Logger.Level.allCases.map(\.rawValue) }
}
