/// Reads one HTTP/1.x answer as far as a probe or a warm-up needs it: the status, and where the answer ends.
struct ResponseScanner: Equatable, Sendable {
    static let maximumHeadBytes = 64 << 10

    enum State: Equatable, Sendable {
        case readingHead
        /// The body still comes; `remaining` is nil where only the connection's end, or the last chunk, ends it.
        case readingBody(remaining: Int?)
        case complete
        case malformed(String)
    }

    private(set) var state = State.readingHead
    private(set) var status: Int?
    private var head: [UInt8] = []
    private var isChunked = false
    /// The last bytes, in which the last chunk shows.
    private var tail: [UInt8] = []
    private static let lastChunk = Array("0\r\n\r\n".utf8)

    mutating func receive(_ bytes: ArraySlice<UInt8>) {
        switch state {
        case .complete, .malformed: return
        case .readingBody: receiveBody(bytes)
        case .readingHead:
            head.append(contentsOf: bytes)
            guard let end = Self.endOfHead(head) else {
                if head.count > Self.maximumHeadBytes { state = .malformed("its answer's head has no end") }
                return
            }
            readHead(head[..<end])
            let body = head[end...]
            head = Array(head[..<0])
            if case .readingBody = state { receiveBody(body) }
        }
    }

    /// The connection was closed by the server.
    mutating func receiveEnd() {
        switch state {
        case .complete, .malformed: return
        case .readingHead: state = .malformed("it closed the connection before it answered")
        case .readingBody(let remaining):
            let isWhole = remaining == nil && !isChunked
            state = isWhole ? .complete : .malformed("it closed the connection in the middle of its answer")
        }
    }

    private mutating func readHead(_ head: ArraySlice<UInt8>) {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ", maxSplits: 2) ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]), (100...599).contains(code)
        else {
            state = .malformed("what it answers is not HTTP")
            return
        }
        guard code >= 200 else {
            state = .readingHead
            return
        }
        status = code
        var length: Int?
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            switch line[..<colon].lowercased() {
            case "content-length": length = Int(value)
            case "transfer-encoding": isChunked = value.lowercased().contains("chunked")
            default: continue
            }
        }
        if code == 204 || code == 304 { length = 0 }
        state = length == 0 && !isChunked ? .complete : .readingBody(remaining: isChunked ? nil : length)
    }

    private mutating func receiveBody(_ bytes: ArraySlice<UInt8>) {
        guard case .readingBody(let remaining) = state else { return }
        if let remaining {
            state = bytes.count >= remaining ? .complete : .readingBody(remaining: remaining - bytes.count)
        } else if isChunked {
            tail = Array((tail + bytes).suffix(Self.lastChunk.count + 2))
            // The last chunk stands at the start of a line.
            let isLast = tail.suffix(Self.lastChunk.count) == Self.lastChunk[...]
            if isLast, tail.count == Self.lastChunk.count || tail.prefix(2) == [13, 10] { state = .complete }
        }
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        var index = 3
        while index < bytes.count {
            if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10, bytes[index - 3] == 13 {
                return index + 1
            }
            index += 1
        }
        return nil
    }
}
