import NIOCore
import Testing

@testable import TrafficProxy

@Suite("Bodies from HTTP/2 to HTTP/1.1")
struct BodyTranslationTests {
    private let allocator = ByteBufferAllocator()

    private func parts(
        _ framing: RequestTranslation.Framing, _ parts: [String], ends: Bool = true
    ) -> Result<String, HTTP2Fault> {
        var body = BodyTranslation(framing)
        var text = ""
        do {
            for (index, part) in parts.enumerated() {
                let isLast = ends && index == parts.count - 1
                if let bytes = try body.translate(ByteBuffer(string: part), endsStream: isLast, allocator) {
                    text += String(buffer: bytes)
                }
            }
            return .success(text)
        } catch {
            return .failure(error)
        }
    }

    @Test("each part is a chunk, and the end is the last chunk")
    func chunks() {
        #expect(
            parts(.chunked, ["hello", "", "0123456789abcdef"])
                == .success("5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"))
        #expect(parts(.chunked, ["hello", ""]) == .success("5\r\nhello\r\n0\r\n\r\n"))
        #expect(parts(.chunked, ["a"], ends: false) == .success("1\r\na\r\n"))
    }

    @Test("an empty part does not end a body")
    func emptyParts() { #expect(parts(.chunked, ["", "a"], ends: false) == .success("1\r\na\r\n")) }

    @Test("a body has exactly its declared length")
    func lengths() {
        #expect(parts(.length(5), ["he", "llo"]) == .success("hello"))
        #expect(parts(.length(5), ["hello", ""]) == .success("hello"))
        #expect(parts(.length(5), ["hell"]) == .failure(.lengthMismatch))
        #expect(parts(.length(5), ["hello!"]) == .failure(.lengthMismatch))
        #expect(parts(.length(5), ["hello", "!"], ends: false) == .failure(.lengthMismatch))
        #expect(parts(.length(0), ["a"]) == .failure(.lengthMismatch))
    }

    @Test("a message without a body has none")
    func none() {
        #expect(parts(.none, [""]) == .success(""))
        #expect(parts(.none, ["a"]) == .failure(.lengthMismatch))
    }

    @Test("nothing follows the end")
    func afterEnd() throws {
        var body = BodyTranslation(.chunked)
        _ = try body.translate(ByteBuffer(), endsStream: true, allocator)
        #expect(body.hasEnded)
        let more = try body.translate(ByteBuffer(string: "a"), endsStream: false, allocator)
        #expect(more == nil)
    }
}
