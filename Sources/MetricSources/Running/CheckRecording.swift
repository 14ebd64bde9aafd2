import Foundation
import SystemPackage

/// What a check prints: its start in a file, its end in memory.
struct CheckRecording: Sendable {
    static let tailBytes = 2 << 10
    /// Where the line with the metrics must be.
    static let metricsBytes = 128 << 10

    private var tail = LastBytes(limit: tailBytes)
    private var output = LastBytes(limit: metricsBytes)
    private var file: OutputFile?

    init(file: OutputFile?) { self.file = file }

    mutating func take(_ bytes: UnsafeRawBufferPointer, from stream: SessionCommand.Stream) {
        tail.append(bytes)
        if stream == .output { output.append(bytes) }
        file?.append(bytes)
    }

    /// Once, after the end.
    mutating func finish() { file?.finish(tail: tail.text) }

    var tailText: String { tail.text }
    var path: String? { file?.path }

    func metrics(wanted: Set<String>) -> [String: Double] { CheckMetrics.read(output, wanted: wanted) }
}

/// A file for its owner's eyes, of bounded size. What does not fit, or cannot be written, is counted.
struct OutputFile: Sendable {
    static let bytesLimit = 4 << 20
    /// Of one folder: the oldest are taken away.
    static let countLimit = 50
    private static let suffix = ".log"
    private static let nameBytesLimit = 200

    let path: String
    private let file: FileDescriptor
    private let limit: Int
    private var written = 0
    private var dropped = 0

    /// - Parameter name: made a file's name by force.
    /// - Returns: nil where it cannot be made: output is then kept nowhere, which is no reason not to run.
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

    /// Closes it, with the last words where some were dropped.
    mutating func finish(tail: String) {
        if dropped > 0 { _ = try? file.writeAll("\n[\(dropped) bytes more; their end:]\n\(tail)\n".utf8) }
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
