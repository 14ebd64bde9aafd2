import Testing

@testable import ControlAPI

@Suite struct ServerSentEventsTests {
    private static let stream =
        "id: 41\n\n: alive\n\nid: 42\nevent: promoted\ndata: {\"a\":1}\n\n"
        + "id:43\r\ndata: one\r\ndata: two\r\nretry: 5\r\n\r\ndata\rdata:  x\r\r"

    private static let events = [
        ServerSentEvent(id: "42", event: "promoted", data: "{\"a\":1}"),
        ServerSentEvent(id: "43", event: "message", data: "one\ntwo"),
        ServerSentEvent(id: "43", event: "message", data: "\n x"),
    ]

    @Test("comments and positions dispatch nothing; lines may have any of the three line ends")
    func parses() throws {
        var parser = ServerSentEventParser()
        #expect(try parser.feed(Self.stream.utf8) == Self.events)
        #expect(parser.lastEventId == "43")
    }

    @Test("the result does not depend on where the bytes are cut")
    func parsesAnyCut() throws {
        let bytes = Array(Self.stream.utf8)
        for cut in bytes.indices {
            var parser = ServerSentEventParser()
            let found = try parser.feed(bytes[..<cut]) + parser.feed(bytes[cut...])
            #expect(found == Self.events)
        }
    }

    @Test("what is written is parsed back")
    func roundTrips() throws {
        for data in ["one\n\ntwo", "\u{301}combines with what stands before", ""] {
            let event = ServerSentEvent(id: "7", event: "paused", data: data)
            var parser = ServerSentEventParser()
            #expect(try parser.feed(event.text.utf8) == [event])
        }
    }

    @Test("a line that never ends is refused")
    func boundsLines() {
        var parser = ServerSentEventParser()
        #expect(throws: ServerSentEventParser.TooLong.self) {
            try parser.feed(Array(repeating: UInt8(ascii: "x"), count: ServerSentEventParser.maxBytes + 1))
        }
    }

    @Test("data that never ends is refused")
    func boundsData() {
        var parser = ServerSentEventParser()
        let line = "data: " + String(repeating: "x", count: 600_000) + "\n"
        #expect(throws: ServerSentEventParser.TooLong.self) { try parser.feed((line + line).utf8) }
    }
}
