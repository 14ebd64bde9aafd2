import Foundation
import NIOCore
import TestSupport
import Testing

@testable import KubernetesClient

@Suite("Lines of a stream")
struct LineSplitterTests {
    @Test("lines come out whole, however the pieces are cut", arguments: [1, 2, 3, 5, 64])
    func pieces(bytesAPiece: Int) throws {
        let text = "one\n\ntwo two\nthree\nrest"
        var splitter = LineSplitter(maximumBytes: 64)
        var lines: [String] = []
        var left = Substring(text)
        while !left.isEmpty {
            splitter.add(ByteBuffer(string: String(left.prefix(bytesAPiece))))
            left = left.dropFirst(bytesAPiece)
            while let line = try splitter.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        }
        if let rest = splitter.rest() { lines.append(String(decoding: rest, as: UTF8.self)) }
        #expect(lines == ["one", "two two", "three", "rest"])
    }

    @Test("a line over the bound is refused, even before it is complete")
    func bound() throws {
        var splitter = LineSplitter(maximumBytes: 8)
        splitter.add(ByteBuffer(string: "12345678\n"))
        #expect(try splitter.next() == Data("12345678".utf8))
        splitter.add(ByteBuffer(string: "123456789"))
        #expect(throws: LineSplitter.TooLong.self) { try splitter.next() }
    }
}
