import Foundation
import Presentation
import SafeText

/// Standard output and standard error, with the properties of the terminal.
struct Console: Sendable {
    static let standard = Console(environment: ProcessInfo.processInfo.environment)

    let isTerminal: Bool
    private let environment: [String: String]

    init(environment: [String: String]) {
        self.environment = environment
        isTerminal = isatty(STDOUT_FILENO) == 1
    }

    /// Has the current width of the terminal, which may have been resized.
    var canvas: Canvas {
        Canvas(
            width: isTerminal ? size?.columns : nil,
            hasColour: Self.usesColour(isTerminal: isTerminal, environment: environment))
    }

    var height: Int? { isTerminal ? size?.rows : nil }

    /// Follows https://no-color.org, and terminals that declare themselves dumb.
    static func usesColour(isTerminal: Bool, environment: [String: String]) -> Bool {
        isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }

    /// Whether output can be redrawn in place instead of line by line.
    var canRedraw: Bool { isTerminal && environment["TERM"] != "dumb" }

    func print(_ lines: [String]) throws(CommandFailure) {
        try write(lines.map { Escape.styledLine($0, styles: Tone.codes) + "\n" }.joined())
    }

    /// Writes text that is already safe for a terminal.
    ///
    /// - Throws: `CommandFailure` without a message where the reader has closed the pipe (`mlctl events -w | head`).
    func write(_ text: String) throws(CommandFailure) {
        guard Self.write(text, to: STDOUT_FILENO) else { throw CommandFailure(.failed, "") }
    }

    /// Writes progress and warnings to standard error. Write errors are ignored.
    func note(_ text: String) {
        _ = Self.write(Escape.lines(text) + "\n", to: STDERR_FILENO)
    }

    private var size: (columns: Int, rows: Int)? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
