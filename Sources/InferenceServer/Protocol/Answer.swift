import Foundation
import NIOHTTP1

/// A complete answer, before it is written.
struct Answer: Hashable, Sendable {
    var status: HTTPResponseStatus
    var contentType = "application/json"
    var body: [UInt8]
    /// The methods that a path permits, for 405.
    var allow: String?

    static func json(_ value: some Encodable, status: HTTPResponseStatus = .ok) -> Answer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Answer(status: status, body: [UInt8](try encoder.encode(value)))
        } catch {
            return Answer(
                status: .internalServerError, body: [UInt8](#"{"error":"the answer cannot be written as JSON"}"#.utf8))
        }
    }

    /// `{"error": …}`, as in the Open Inference Protocol.
    static func error(_ status: HTTPResponseStatus, _ message: String, allow: String? = nil) -> Answer {
        var answer = json(["error": message], status: status)
        answer.allow = allow
        return answer
    }
}
