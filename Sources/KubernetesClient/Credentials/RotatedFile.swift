import Foundation
import Synchronization

/// A small file that another program replaces from time to time: a token, a certificate. It is read again at most once a
/// minute. While it cannot be read, its last good contents stay in use.
package final class RotatedFile: Sendable {
    static let readAgainAfter = Duration.seconds(60)
    static let maximumBytes = 1 << 20

    package let path: String
    private let read = Mutex<(at: Duration, contents: Data)?>(nil)

    package init(path: String) { self.path = path }

    /// - Parameter now: from a monotonic clock.
    /// - Throws: `APIError(.credentials)` if the file has never been readable.
    func contents(_ now: Duration) throws -> Data {
        try read.withLock { read in
            if let read, now - read.at < Self.readAgainAfter { return read.contents }
            do {
                let contents = try load()
                read = (now, contents)
                return contents
            } catch {
                guard let last = read else { throw error }
                read = (now, last.contents)
                return last.contents
            }
        }
    }

    /// Reads the file now.
    /// - Returns: whether its contents have changed.
    func reread(_ now: Duration) -> Bool {
        read.withLock { read in
            guard let contents = try? load() else { return false }
            defer { read = (now, contents) }
            return read?.contents != contents
        }
    }

    private func load() throws -> Data {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw APIError(
                .credentials, message: "\(path) cannot be read. Check that it exists, and check its permissions.")
        }
        defer { try? handle.close() }
        let contents = (try? handle.read(upToCount: Self.maximumBytes + 1)) ?? Data()
        guard !contents.isEmpty, contents.count <= Self.maximumBytes else {
            throw APIError(
                .credentials, message: "\(path) is empty, or larger than \(Self.maximumBytes >> 20) MiB.")
        }
        return contents
    }
}

/// PEM text: inline in the configuration, or in a file that the configuration names.
package enum PEMSource: Sendable {
    case data(Data, place: String)
    case file(RotatedFile)

    var place: String {
        switch self {
        case .data(_, let place): place
        case .file(let file): file.path
        }
    }

    func contents(_ now: Duration) throws -> Data {
        switch self {
        case .data(let data, _): data
        case .file(let file): try file.contents(now)
        }
    }

    func reread(_ now: Duration) -> Bool {
        if case .file(let file) = self { file.reread(now) } else { false }
    }
}
