/// Reads one HTTP/1.x answer as far as a probe or a warm-up request needs it: the status, and where the answer ends. The result
/// does not depend on how the bytes are split.
struct ResponseScanner: Equatable, Sendable {
    static let maximumHeadBytes = 64 << 10

    enum State: Equatable, Sendable {
        case readingHead
        /// The body is incomplete. `remaining` is nil if only the last chunk or the end of the connection ends it.
        case readingBody(remaining: Int?)
        case complete
        case malformed(String)
    }

    private(set) var state = State.readingHead
    private(set) var status: Int?
    private var head: [UInt8] = []
    /// Nil if the body is not chunked.
    private var chunks: ChunkFollower?

    mutating func receive(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            switch state {
            case .complete, .malformed: return
            case .readingBody: return receiveBody(rest)
            case .readingHead: rest = receiveHead(rest)
            }
        }
    }

    /// The server closed the connection.
    mutating func receiveEnd() {
        switch state {
        case .complete, .malformed: return
        case .readingHead: state = .malformed("the server closed the connection before it answered")
        case .readingBody(let remaining):
            let isWhole = remaining == nil && chunks == nil
            state = isWhole ? .complete : .malformed("the server closed the connection in the middle of its answer")
        }
    }

    /// - Returns: the bytes after the head.
    private mutating func receiveHead(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        for index in bytes.indices {
            head.append(bytes[index])
            guard head.count <= Self.maximumHeadBytes else {
                state = .malformed("the head of the answer is over \(Self.maximumHeadBytes >> 10) KiB")
                return []
            }
            guard bytes[index] == 10, head.suffix(4) == [13, 10, 13, 10] else { continue }
            readHead()
            head.removeAll()
            return bytes[(index + 1)...]
        }
        return []
    }

    private mutating func readHead() {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]), (100...599).contains(code)
        else {
            state = .malformed("the answer is not HTTP")
            return
        }
        // An informational answer (1xx), before the final one.
        guard code >= 200 else { return }
        status = code
        var length: Int?
        var isChunked = false
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "content-length": length = Int(value)
            case "transfer-encoding": isChunked = value.lowercased().contains("chunked")
            default: continue
            }
        }
        if code == 204 || code == 304 { (length, isChunked) = (0, false) }
        if isChunked {
            chunks = ChunkFollower()
            state = .readingBody(remaining: nil)
        } else if let length, length < 0 {
            state = .malformed("the answer has a negative length")
        } else {
            state = length == 0 ? .complete : .readingBody(remaining: length)
        }
    }

    private mutating func receiveBody(_ bytes: ArraySlice<UInt8>) {
        guard case .readingBody(let remaining) = state else { return }
        if let remaining {
            state = bytes.count >= remaining ? .complete : .readingBody(remaining: remaining - bytes.count)
        } else {
            switch chunks?.take(bytes) {
            case .whole: state = .complete
            case .malformed: state = .malformed("the answer's chunks are malformed")
            case .more, nil: break
            }
        }
    }
}
