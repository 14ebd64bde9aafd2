import Foundation
import JSON

/// Recorded requests: one JSON value a line. A line `{"path": …, "body": …}` names its own path; any other line is a body.
package struct RequestLines: Hashable, Sendable {
    package struct Request: Hashable, Sendable {
        package var path: String
        package var body: [UInt8]
    }

    /// What is wrong with the file, and where.
    package struct Fault: Error, Hashable, Sendable {
        package var message: String
    }

    package let requests: [Request]

    /// - Parameters:
    ///   - file: its name in messages.
    ///   - path: where lines without a path of their own go.
    ///   - pathField: the manifest's field that says so, for messages.
    package init(
        _ bytes: [UInt8], file: String, path: String?, pathField: String, requestsMax: Int
    ) throws(Fault) {
        var requests: [Request] = []
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { $0 != 0x20 && $0 != 0x0d && $0 != 0x09 }) else { continue }
            guard requests.count < requestsMax else {
                throw Fault(message: "\(file) has more than \(requestsMax) requests: keep fewer")
            }
            let place = "\(file), line \(index + 1)"
            let (own, body) = try Self.read(Array(line), place)
            guard let target = own ?? path else {
                throw Fault(message: "\(place) has no path: set \(pathField), or write {path, body}")
            }
            guard Self.isPath(target) else {
                throw Fault(
                    message:
                        "\(place): \(target.debugDescription) is not a valid path: a path starts with '/' and has no spaces"
                )
            }
            requests.append(Request(path: target, body: body))
        }
        if requests.isEmpty {
            throw Fault(message: "\(file) has no request: write one JSON object per line")
        }
        self.requests = requests
    }

    /// A target of HTTP that goes into a request line as it is.
    package static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.count <= 4096 && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    }

    /// - Returns: the line's own path, if it names one, and the body as it is written, without white space where the line has
    ///   both.
    private static func read(_ line: [UInt8], _ place: String) throws(Fault) -> (path: String?, body: [UInt8]) {
        let read = line.withUnsafeBytes { bytes in
            Result { () throws(JSONScanner.Fault) -> (String?, [UInt8]) in
                let value = try JSONValue(scanning: bytes)
                guard case .object(let members) = value, members.count == 2, let path = members["path"]?.text,
                    let body = try JSONScanner.range(of: JSONPath(steps: [.member("body")]), in: bytes)
                else { return (nil, line) }
                return (path, try JSONScanner.compact(UnsafeRawBufferPointer(rebasing: bytes[body])))
            }
        }
        guard case .success(let found) = read else {
            throw Fault(message: "\(place) is not JSON: write one JSON object per line")
        }
        return found
    }
}
