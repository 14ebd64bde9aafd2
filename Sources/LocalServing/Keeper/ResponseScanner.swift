import HTTP1

/// Reads one HTTP/1.x answer as far as a probe or a warm-up request needs it: the status, and where the answer ends. The result
/// does not depend on how the bytes are split.
struct ResponseScanner: Equatable, Sendable {
    static let maximumHeadBytes = 64 << 10
    static let maximumFields = 128

    enum State: Equatable, Sendable {
        case readingHead
        case readingBody
        case complete
        case malformed(String)
    }

    private(set) var state = State.readingHead
    private(set) var status: Int?
    private var head: [UInt8] = []
    private var body = BodyFraming.none

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
        case .readingBody:
            state =
                body == .untilClose
                ? .complete : .malformed("the server closed the connection in the middle of its answer")
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
        var scanner = ResponseHeadScanner(headBytesMax: Self.maximumHeadBytes, fieldsMax: Self.maximumFields)
        switch head.withUnsafeBytes({ scanner.scan($0, isToHead: false) }) {
        case .incomplete: state = .malformed("the answer is not HTTP")
        case .invalid(let fault): state = .malformed("the answer is not HTTP/1.1: \(fault.message)")
        case .complete(let found) where found.isInterim: break
        case .complete(let found) where found.status > 599: state = .malformed("the answer is not HTTP")
        case .complete(let found):
            status = found.status
            body = found.body
            state = body.isDone ? .complete : .readingBody
        }
    }

    private mutating func receiveBody(_ bytes: ArraySlice<UInt8>) {
        switch bytes.withUnsafeBytes({ body.consume($0) }) {
        case .more: break
        case .done: state = .complete
        case .invalid: state = .malformed("the answer's chunks are malformed")
        }
    }
}
