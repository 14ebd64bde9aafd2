import Testing

@testable import Commands

@Suite struct CSVRecordsTests {
    static func records(_ text: String) throws -> [[String]] {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        var records = CSVRecords(lines.map { String(decoding: $0, as: UTF8.self) }.makeIterator())
        var found: [[String]] = []
        while let record = try records.next() { found.append(record.fields) }
        return found
    }

    @Test(
        "fields are parsed as in RFC 4180",
        arguments: [
            ("a,b,c\n1,,3", [["a", "b", "c"], ["1", "", "3"]]),
            ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
            ("\"a,b\",\"say \"\"hi\"\"\",\"\"", [["a,b", "say \"hi\"", ""]]),
            ("\"two\nlines\",x\ny,z", [["two\nlines", "x"], ["y", "z"]]),
            ("\"two\r\nlines\",x\r", [["two\r\nlines", "x"]]),
            ("a\n\n\r\nb\n", [["a"], ["b"]]),
            ("5\" pipe,x", [["5\" pipe", "x"]]),
            (",", [["", ""]]),
            ("\u{FEFF}a,b", [["a", "b"]]),
            ("ü,日本", [["ü", "日本"]]),
            ("", []),
        ])
    func reads(text: String, expected: [[String]]) throws {
        let found = try Self.records(text)
        #expect(found == expected)
    }

    @Test(
        "invalid CSV is reported with its line",
        arguments: [
            ("a\n\"open", "line 2: a quote is not closed"),
            ("a\nb\n\"x\"y", "line 3: a closing quote must be followed by a comma; double the quotes inside a field"),
        ])
    func refuses(text: String, expected: String) throws {
        let error = try #require(throws: DataError.self) { try Self.records(text) }
        #expect(error.description == expected)
    }

    @Test("the length of a line and of a quoted field over many lines is bounded")
    func bounded() throws {
        let long = String(repeating: "x", count: LineReader.maximumLineBytes)
        let line = try #require(throws: DataError.self) { try Self.records("a\n\(long)") }
        #expect(line.description.hasPrefix("line 2: is longer than"))
        let half = String(repeating: "x", count: LineReader.maximumLineBytes / 2)
        let quoted = try #require(throws: DataError.self) { try Self.records("a\n\"\(half)\n\(half)\n\"") }
        #expect(quoted.description.hasPrefix("line 2: is longer than"))
    }
}
