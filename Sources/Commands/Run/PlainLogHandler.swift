import Foundation
import Logging

/// One line a message, on the standard error: `12:31:07 info  Commit read  changed=1 commit=…`.
struct PlainLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let values = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let pairs = values.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.quoted("\($0.value)"))" }
        let time = Date().formatted(.iso8601)
        let line = ([time, event.level.rawValue, "\(event.message)"] + pairs).joined(separator: " ")
        // Nobody may read it any more: that is no reason to stop serving.
        try? FileHandle.standardError.write(contentsOf: Data("\(line)\n".utf8))
    }

    private static func quoted(_ value: String) -> String {
        guard value.contains(where: { $0 == " " || $0 == "\"" || $0.isNewline }) else { return value }
        return "\"\(value.replacing("\"", with: "'").replacing("\n", with: " "))\""
    }
}
