import Foundation
import SafeText

/// Standard output and standard error, and what is known about the terminal behind them.
struct Console: Sendable {
    static let standard = Console(environment: ProcessInfo.processInfo.environment)

    let isTerminal: Bool
    private let environment: [String: String]

    init(environment: [String: String]) {
        self.environment = environment
        isTerminal = isatty(STDOUT_FILENO) == 1
    }

    /// As wide as the terminal is now: it may have been resized.
    var canvas: Canvas {
        Canvas(
            width: isTerminal ? size?.columns : nil,
            hasColour: Self.wantsColour(isTerminal: isTerminal, environment: environment))
    }

    var height: Int? { isTerminal ? size?.rows : nil }

    /// https://no-color.org, and terminals that say that they can do nothing.
    static func wantsColour(isTerminal: Bool, environment: [String: String]) -> Bool {
        isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }

    /// Redraws in place, rather than line by line.
    var canRedraw: Bool { isTerminal && environment["TERM"] != "dumb" }

    func print(_ lines: [String]) throws(CommandFailure) {
        try write(lines.map { Escape.styledLine($0, styles: Tone.codes) + "\n" }.joined())
    }

    /// Text that is fit for a terminal already.
    ///
    /// - Throws: `CommandFailure` without a message where nobody reads any more (`mlctl events -w | head`).
    func write(_ text: String) throws(CommandFailure) {
        guard Self.write(text, to: STDOUT_FILENO) else { throw CommandFailure(.failed, "") }
    }

    /// Progress and warnings. Nobody has to read them.
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
