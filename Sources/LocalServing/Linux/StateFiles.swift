import Foundation
import Glibc

/// Small JSON files that are either complete or absent: written to a temporary file, then renamed. Readable by the owner only.
enum StateFile {
    static let maximumBytes = 8 << 20

    /// One write of this size either happens completely or not at all, and such a file already has its block on disk.
    static let blockBytes = 4096

    static func write(_ value: some Encodable, to path: String) throws {
        try write(bytes: try encoded(value), to: path)
    }

    /// Like `write`. If there is no room for a second file (the disk is full, or the folder is read-only), overwrites the old
    /// file in place. For small files that must stay current, such as a keeper's status.
    static func replace(_ value: some Encodable, at path: String) throws {
        let bytes = try encoded(value)
        do {
            try write(bytes: bytes, to: path)
        } catch {
            guard overwrite(path, with: bytes) else { throw error }
        }
    }

    private static func encoded(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return Array(try encoder.encode(value))
    }

    private static func overwrite(_ path: String, with bytes: [UInt8]) -> Bool {
        let raw = open(path, O_WRONLY | O_CLOEXEC)
        guard raw >= 0 else { return false }
        defer { close(raw) }
        var about = stat()
        guard fstat(raw, &about) == 0, about.st_size > 0, max(Int(about.st_size), bytes.count) <= blockBytes else {
            return false
        }
        // Spaces after the value keep the length, so the file is never truncated and never ends with old text.
        let padding = [UInt8](repeating: UInt8(ascii: " "), count: max(Int(about.st_size) - bytes.count, 0))
        let whole = bytes + padding
        return pwrite(raw, whole, whole.count, 0) == whole.count
    }

    /// - Returns: nil if there is no such file.
    /// - Throws: `LocalServingError.stateUnreadable` if the file cannot be read or decoded.
    static func read<Value: Decodable>(_ type: Value.Type, from path: String) throws -> Value? {
        guard let bytes = readSmallFile(path, limit: maximumBytes) else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw LocalServingError(
                .stateUnreadable, "\(path) cannot be read: \(SystemError.last). Check the folder and its owner.")
        }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            return try decoder.decode(type, from: Data(bytes))
        } catch {
            throw LocalServingError(
                .stateUnreadable,
                "\(path) is damaged, or was written by a version that this mlctl cannot read. Move the file away.")
        }
    }

    static func write(bytes: [UInt8], to path: String) throws {
        // The temporary name contains the pid, so that two processes never write to the same temporary file.
        let aside = "\(path).\(getpid()).new"
        let raw = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard raw >= 0 else { throw unwritable(path) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let error = unwritable(path)
                close(raw)
                unlink(aside)
                throw error
            }
            written += count
        }
        close(raw)
        guard rename(aside, path) == 0 else {
            let error = unwritable(path)
            unlink(aside)
            throw error
        }
    }

    static func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LocalServingError(
                .stateUnreadable, "the folder \(path) cannot be created: \(error). Check its parent's owner and space.")
        }
    }

    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    private static func unwritable(_ path: String) -> LocalServingError {
        let error = SystemError.last
        let hint = error.code == ENOSPC ? "Free some disk space." : "Check the folder and its owner."
        return LocalServingError(
            .stateUnreadable, "\(path) cannot be written: \(error). \(hint)",
            retry: error.code == ENOSPC ? .waiting : .transient)
    }
}
