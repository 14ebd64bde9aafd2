import NIOCore

/// Paths for which sending a request twice is safe: those of the Open Inference Protocol and of OpenAI's API, which compute an
/// answer and store nothing.
enum InferencePath {
    private static let openAI = [
        "/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/moderations", "/v1/audio/transcriptions",
        "/v1/audio/translations", "/v1/audio/speech",
    ]

    /// The methods of the Open Inference Protocol by gRPC that compute or read something. Streams are not among them.
    private static let openInferenceCalls = "/inference.GRPCInferenceService/"
    private static let readingCalls: Set<Substring> = [
        "ModelInfer", "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata",
    ]

    /// - Parameter path: without its query. Any prefix before `/v2` or `/v1` is allowed.
    static func isIdempotent(_ path: Substring) -> Bool {
        if path.hasPrefix(openInferenceCalls) { return readingCalls.contains(path.dropFirst(openInferenceCalls.count)) }
        if openAI.contains(where: { path.hasSuffix($0) }) { return true }
        guard path.hasSuffix("/infer"), let models = path.range(of: "/v2/models/") else { return false }
        // NAME, or NAME/versions/VERSION.
        let parts = path[models.upperBound...].split(separator: "/", omittingEmptySubsequences: false).dropLast()
        guard parts.allSatisfy({ !$0.isEmpty }) else { return false }
        return parts.count == 1 || parts.count == 3 && parts[parts.startIndex + 1] == "versions"
    }

    /// - Parameter request: begins with the request line, as sent to the instance. Read only after an attempt has failed.
    static func isIdempotent(request: ByteBuffer) -> Bool {
        let line = request.readableBytesView.prefix(8 * 1024).prefix { $0 != UInt8(ascii: "\r") }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        guard words.count == 3, words[0] == "POST", let path = words[1].split(separator: "?").first else {
            return false
        }
        return isIdempotent(path)
    }
}
