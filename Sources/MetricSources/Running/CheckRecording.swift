import Analysis
import Foundation
import SafeText
import SystemPackage

/// Records the output of a check: its start in a file, its end in memory.
struct CheckRecording: Sendable {
    static let tailBytes = 2 << 10
    /// The line with the metrics must be within this many last bytes.
    static let metricsBytes = 128 << 10

    private var tail = LastBytes(limit: tailBytes)
    private var output = LastBytes(limit: metricsBytes)
    private var file: OutputFile?
    /// One per stream. Secrets are redacted before anything is cut or written.
    private var streams: [SessionCommand.Stream: RedactedStream]

    init(file: OutputFile?, redactor: SecretRedactor) {
        self.file = file
        streams = [.output: RedactedStream(redactor), .errors: RedactedStream(redactor)]
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer, from stream: SessionCommand.Stream) {
        keep(streams[stream]?.take(Array(bytes)[...]) ?? [], of: stream)
    }

    private mutating func keep(_ bytes: [UInt8], of stream: SessionCommand.Stream) {
        bytes.withUnsafeBytes { bytes in
            tail.append(bytes)
            if stream == .output { output.append(bytes) }
            file?.append(bytes)
        }
    }

    /// Call once, after the check has ended.
    mutating func finish() {
        for stream in [SessionCommand.Stream.output, .errors] { keep(streams[stream]?.finish() ?? [], of: stream) }
        file?.finish(tail: tail.text)
    }

    var tailText: String { tail.text }
    var path: String? { file?.path }

    func metrics(wanted: Set<String>) -> [String: Double] {
        CheckMetrics.read(output.bytes, isCut: output.isCut, wanted: wanted)
    }
}

/// An output file of bounded size that only its owner may read. It counts the bytes that do not fit or cannot be written.
struct OutputFile: Sendable {
    static let bytesLimit = 4 << 20
    /// Files in one folder; the oldest are deleted.
    static let countLimit = 50
    private static let suffix = ".log"
    private static let nameBytesLimit = 200

    let path: String
    private let file: FileDescriptor
    private let limit: Int
    private var written = 0
    private var dropped = 0

    /// - Parameter name: characters that are not allowed in a file name are replaced.
    /// - Returns: nil if the file cannot be created. The check then runs without an output file.
    init?(folder: String, name: String, limit: Int = bytesLimit) {
        let safe = name.utf8.prefix(Self.nameBytesLimit).map { $0.isOfFileName ? $0 : UInt8(ascii: "_") }
        path = "\(folder)/\(String(decoding: safe, as: UTF8.self))\(Self.suffix)"
        self.limit = limit
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            file = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec, .noFollow],
                permissions: .ownerReadWrite)
        } catch {
            return nil
        }
        Self.prune(folder)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let fitting = UnsafeRawBufferPointer(rebasing: bytes.prefix(max(limit - written, 0)))
        let isWritten = dropped == 0 && (fitting.isEmpty || (try? file.writeAll(fitting)) != nil)
        written += isWritten ? fitting.count : 0
        dropped += bytes.count - (isWritten ? fitting.count : 0)
    }

    /// Closes the file. If bytes were dropped, the end of the output is written first.
    mutating func finish(tail: String) {
        if dropped > 0 {
            _ = try? file.writeAll("\n[\(dropped) bytes left out; the end of the output:]\n\(tail)\n".utf8)
        }
        try? file.close()
    }

    private static func prune(_ folder: String) {
        let files = FileManager.default
        let found = ((try? files.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(suffix) }
        guard found.count > countLimit else { return }
        let dated = found.map { name in
            let path = "\(folder)/\(name)"
            let at = (try? files.attributesOfItem(atPath: path))?[.modificationDate] as? Date
            return (path: path, at: at ?? .distantPast)
        }
        for old in dated.sorted(by: { $0.at > $1.at }).dropFirst(countLimit) { try? files.removeItem(atPath: old.path) }
    }
}

extension UInt8 {
    /// A letter, digit, '.', '_' or '-'.
    fileprivate var isOfFileName: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}

/// The last bytes of a stream of any length.
struct LastBytes: Sendable {
    let limit: Int
    private(set) var count = 0
    private var kept: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// The cost is proportional to `bytes`. At most `2 * limit` bytes are kept.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        count += bytes.count
        kept.append(contentsOf: bytes.suffix(limit))
        if kept.count > 2 * limit { kept.removeFirst(kept.count - limit) }
    }

    /// At most `limit` bytes.
    var bytes: ArraySlice<UInt8> { kept.suffix(limit) }

    var isCut: Bool { count > limit }

    /// Without the incomplete character that a cut may leave at the start.
    var text: String {
        let whole = isCut ? bytes.drop { $0 & 0xC0 == 0x80 } : bytes
        return String(decoding: whole, as: UTF8.self)
    }
}
