import Glibc
import SafeText

/// A server's output on disk: one file with a size limit, and older files. If the disk is full, output is lost and counted, but
/// the server is never stopped.
final class ServerLog {
    static let maximumBytes = 10 << 20
    static let maximumFiles = 5
    private static let longestLine = 4096

    private let path: String
    private let limit: Int
    private var secrets: [String] = []
    private var redacted = RedactedStream(SecretRedactor([]))
    private var file: Descriptor?
    private var size = 0
    private(set) var lostBytes = 0
    /// The last non-blank line, shortened. It explains a crash.
    private(set) var lastLine: String?
    private var line: [UInt8] = []

    init(path: String, limit: Int = ServerLog.maximumBytes) {
        self.path = path
        self.limit = limit
        open()
    }

    /// Removes these secrets from all later output. Output from before is written first.
    func hide(_ secrets: [String]) {
        guard secrets != self.secrets else { return }
        self.secrets = secrets
        flush()
        redacted = RedactedStream(SecretRedactor(secrets))
    }

    /// Secrets are removed before lines are split. Bytes that may be the start of a secret wait for the bytes that follow.
    func append(_ bytes: ArraySlice<UInt8>) { write(redacted.take(bytes)[...]) }

    /// Writes what is still held back, because the server has ended and nothing follows.
    func flush() { write(redacted.finish()[...]) }

    private func write(_ bytes: ArraySlice<UInt8>) {
        guard !bytes.isEmpty else { return }
        trackLastLine(bytes)
        if size >= limit { rotate() }
        if file == nil { open() }
        guard let file else {
            lostBytes += bytes.count
            return
        }
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file.raw, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                lostBytes += rest.count
                return
            }
            size += count
            rest = rest.dropFirst(count)
        }
    }

    /// A new server starts: the last line of the former one does not belong to it.
    func forgetLastLine() {
        lastLine = nil
        line = []
    }

    static func file(_ path: String, _ index: Int) -> String { index == 0 ? path : "\(path).\(index)" }

    private func open() {
        let raw = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        file = raw >= 0 ? Descriptor(raw) : nil
        var about = stat()
        size = raw >= 0 && fstat(raw, &about) == 0 ? Int(about.st_size) : 0
    }

    private func rotate() {
        file = nil
        unlink(Self.file(path, Self.maximumFiles - 1))
        for index in stride(from: Self.maximumFiles - 2, through: 0, by: -1) {
            rename(Self.file(path, index), Self.file(path, index + 1))
        }
        open()
    }

    private func trackLastLine(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while let end = rest.firstIndex(of: 10) {
            line.append(contentsOf: rest[..<end].prefix(max(Self.longestLine - line.count, 0)))
            finishLine()
            rest = rest[(end + 1)...]
        }
        line.append(contentsOf: rest.prefix(max(Self.longestLine - line.count, 0)))
    }

    private func finishLine() {
        let text = String(decoding: line, as: UTF8.self).filter { !$0.isNewline }
        line.removeAll(keepingCapacity: true)
        if text.contains(where: { !$0.isWhitespace }) { lastLine = String(text.prefix(300)) }
    }

    /// The last line, even if the server ended in the middle of it.
    var lastWords: String? {
        let open = String(decoding: line, as: UTF8.self)
        return open.contains { !$0.isWhitespace } ? String(open.prefix(300)) : lastLine
    }
}
