import Foundation
import Testing

@testable import Commands

@Suite struct LineReaderTests {
    static func lines(_ text: String) throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appending(path: "mlctl-lines-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(text.utf8).write(to: file)
        return Array(try #require(LineReader(path: file.path(percentEncoded: false))))
    }

    @Test("lines are read one by one, the last with or without a newline")
    func lines() throws {
        #expect(try Self.lines("a\n\nb\n") == ["a", "", "b"])
        #expect(try Self.lines("a\nb") == ["a", "b"])
        #expect(try Self.lines("").isEmpty)
    }

    @Test("lines may be longer than the read buffer, and there may be many")
    func chunks() throws {
        let long = String(repeating: "x", count: LineReader.chunkBytes * 3 + 5)
        #expect(try Self.lines("a\n\(long)\nb") == ["a", long, "b"])
        let many = (0..<20_000).map { "line \($0)" }
        #expect(try Self.lines(many.joined(separator: "\n") + "\n") == many)
    }

    @Test("a folder is an error, not an empty file")
    func folder() {
        let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
        #expect(LineReader(path: folder) == nil)
        #expect(LineReader(path: folder + "/no-such-file") == nil)
    }
}
