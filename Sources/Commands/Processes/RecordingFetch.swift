import AsyncHTTPClient
import Foundation
import NIOCore

/// Fetches recorded requests from a companion in a pod.
enum RecordingFetch {
    static let timeout = TimeAmount.seconds(10)
    private static let reasonBytes = 4 << 10

    struct Refusal: Error, CustomStringConvertible {
        var description: String
    }

    static func bytes(of url: String, maximumBytes: Int) async throws -> [UInt8] {
        let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: timeout)
        guard response.status == .ok else {
            let reason = try await response.body.collect(upTo: reasonBytes)
            throw Refusal(description: "answered \(response.status.code): \(String(buffer: reason))")
        }
        return Array(try await response.body.collect(upTo: maximumBytes).readableBytesView)
    }
}
