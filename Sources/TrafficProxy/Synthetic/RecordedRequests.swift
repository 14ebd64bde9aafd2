import Foundation

/// Requests that are sent repeatedly to exercise revisions: a file with one JSON object per line. A line `{"path": …, "body": …}`
/// names its own path. Any other line is a body for the route's path.
struct RecordedRequests: Hashable, Sendable {
    struct Request: Hashable, Sendable {
        var path: String
        var body: [UInt8]
    }

    private(set) var requests: [Request] = []

    /// - Parameters:
    ///   - file: the file's name, for messages.
    ///   - path: the path of lines without a path of their own.
    /// - Throws: `ProxyError` with the file and the line.
    init(lines bytes: [UInt8], file: String, path: String?, limits: ProxyLimits) throws {
        for (index, line) in bytes.split(separator: .lineFeed, omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { $0 != .space && $0 != .carriageReturn && $0 != .tab }) else { continue }
            guard requests.count < limits.recordedRequests else {
                throw Self.error("\(file) has more than \(limits.recordedRequests) requests: keep fewer")
            }
            requests.append(try Self.request(Data(line), place: "\(file), line \(index + 1)", path: path))
        }
        if requests.isEmpty { throw Self.error("\(file) has no request: write one JSON object per line") }
    }

    /// - Throws: `ProxyError` if the file cannot be read, is too large, or has other content.
    init(file: String, path: String?, limits: ProxyLimits) throws {
        let bytes: [UInt8]?
        do {
            bytes = try WholeFile.load(file, bytesMax: limits.recordedBytes)
        } catch let error as ProxyError {
            throw Self.error(error.message)
        }
        guard let bytes else { throw Self.error("\(file) does not exist: put it into the model's folder") }
        try self.init(lines: bytes, file: file, path: path, limits: limits)
    }

    private static func request(_ line: Data, place: String, path: String?) throws -> Request {
        guard let parsed = try? JSONSerialization.jsonObject(with: line) else {
            throw error("\(place) is not JSON: write one JSON object per line")
        }
        var wanted = path
        var body = line
        if let object = parsed as? [String: Any], Set(object.keys) == ["path", "body"],
            let own = object["path"] as? String, let inner = object["body"]
        {
            wanted = own
            body = try JSONSerialization.data(withJSONObject: inner, options: [.fragmentsAllowed, .sortedKeys])
        }
        guard let wanted else {
            throw error("\(place) has no path: set traffic.generate.path, or write {path, body}")
        }
        guard isPath(wanted) else {
            throw error(
                "\(place): \(wanted.debugDescription) is not a valid path: a path starts with '/' and has no spaces")
        }
        return Request(path: wanted, body: Array(body))
    }

    static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.count <= 4096 && text.utf8.allSatisfy(\.isTarget)
    }

    private static func error(_ message: String) -> ProxyError {
        ProxyError(.recordedRequests, "recorded requests cannot be sent: \(message)")
    }
}
