/// One message of a `text/event-stream` (WHATWG HTML, "Server-sent events").
struct ServerSentEvent: Hashable, Sendable {
    var id: String?
    var event: String = "message"
    var data: String

    /// A comment. It only keeps the connection from looking dead.
    static let heartbeat = ": alive\n\n"

    /// Sets the reader's Last-Event-ID without dispatching an event.
    static func position(_ id: Int) -> String { "id: \(id)\n\n" }

    var text: String {
        var text = ""
        if let id { text += "id: \(id)\n" }
        text += "event: \(event)\n"
        // Splits scalars, because as a Character, CR LF is a single element that is equal to neither.
        let lines = data.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r" }
        for line in lines { text += "data: \(String(line))\n" }
        return text + "\n"
    }
}

/// Parses bytes into events, wherever the bytes are cut.
struct ServerSentEventParser: Sendable {
    struct TooLong: Error, Hashable {}

    /// For the data of one event, and for one line.
    static let maxBytes = 1 << 20

    /// The id that a reader sends as `Last-Event-ID` when it reconnects.
    private(set) var lastEventId: String?

    private var line: [UInt8] = []
    private var data: String?
    private var event = ""
    private var endedWithCarriageReturn = false

    /// - Throws: `TooLong` if the stream does not come from mlctl.
    mutating func feed(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            if endedWithCarriageReturn {
                endedWithCarriageReturn = false
                if byte == UInt8(ascii: "\n") { continue }
            }
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                guard line.count < Self.maxBytes else { throw TooLong() }
                line.append(byte)
                continue
            }
            endedWithCarriageReturn = byte == UInt8(ascii: "\r")
            if let event = try endLine() { events.append(event) }
        }
        return events
    }

    private mutating func endLine() throws(TooLong) -> ServerSentEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return dispatch() }
        // Splits bytes: as a Character, a blank with a combining mark is not a blank.
        let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        var bytes = parts.count > 1 ? parts[1] : []
        if bytes.first == UInt8(ascii: " ") { bytes = bytes.dropFirst() }
        let value = String(decoding: bytes, as: UTF8.self)
        switch String(decoding: parts[0], as: UTF8.self) {
        case "id" where !bytes.contains(0): lastEventId = value
        case "event": event = value
        case "data":
            guard (data?.utf8.count ?? 0) + value.utf8.count < Self.maxBytes else { throw TooLong() }
            // Appends in place: copying once per line would be slow for many short lines.
            if data == nil { data = value } else { data?.append("\n" + value) }
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        defer {
            data = nil
            event = ""
        }
        return data.map {
            ServerSentEvent(id: lastEventId, event: event.isEmpty ? "message" : event, data: $0)
        }
    }
}
