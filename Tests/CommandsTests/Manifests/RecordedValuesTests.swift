import JSON
import ModelManifests
import Testing

@testable import Commands

@Suite struct RecordedValuesTests {
    static func column(_ name: String, _ lines: [String]) throws -> [RecordedValue?] {
        var values = try ColumnValues(lines.makeIterator(), column: name)
        var found: [RecordedValue?] = []
        while let (_, value) = try values.next() { found.append(value) }
        return found
    }

    static func path(_ path: String, _ lines: [String]) throws -> [RecordedValue?] {
        var values = PathValues(lines.makeIterator(), path: try #require(JSONPath(path)))
        var found: [RecordedValue?] = []
        while let (_, value) = try values.next() { found.append(value) }
        return found
    }

    @Test("the values of a column are read without blank ones")
    func column() throws {
        let found = try Self.column("score", ["id,score", "1,0.5", "2,", "3,\" \"", "4,\"x,y\""])
        #expect(found == [.text("0.5"), nil, nil, .text("x,y")])
    }

    @Test(
        "an error in a column is reported with its line",
        arguments: [
            (["id,score", "1,2"], "scor", "line 1: column 'scor' does not exist (did you mean 'score'?)"),
            (["id,score", "1,2"], "weight", "line 1: column 'weight' does not exist (the columns are: id, score)"),
            (["score,score"], "score", "line 1: 2 columns are named 'score'; rename all but one"),
            (
                ["id,score", "1,2", "1,2,3"], "score",
                "line 3: has 3 fields, but the header has 2; quote fields that contain a comma"
            ),
            ([], "score", "is empty"),
        ])
    func problems(lines: [String], column: String, expected: String) throws {
        let error = try #require(throws: DataError.self) { try Self.column(column, lines) }
        #expect(error.description == expected)
    }

    @Test("numbers, text and booleans at a path are values; null or nothing there is not")
    func path() throws {
        let lines = [
            #"{"outputs": [{"data": [0.25, 1]}]}"#, #"{"outputs": [{"data": ["cat"]}], "id": [[], {}]}"#,
            #"{"outputs": [{"data": [true]}]}"#, #"{"outputs": [{"data": [null]}]}"#, #"{"outputs": []}"#, "{}", "",
            "7",
        ]
        let found = try Self.path("outputs[0].data[0]", lines)
        #expect(found == [.number(0.25), .text("cat"), .text("true"), nil, nil, nil, nil])
        let second = try Self.path("outputs[0].data[1]", [lines[0]])
        #expect(second == [.number(1)])
        let whole = try Self.path("$", ["7", "\"x\""])
        #expect(whole == [.number(7), .text("x")])
    }

    @Test("invalid JSON, or an invalid value, is reported with its line")
    func badJSON() throws {
        let broken = try #require(throws: DataError.self) { try Self.path("a", ["{\"a\": 1}", "{\"a\": "]) }
        #expect(broken.description == "line 2: is not JSON")
        let list = try #require(throws: DataError.self) { try Self.path("a", ["{\"a\": [1]}"]) }
        #expect(list.description == "line 1: the path leads to a list or an object; extend it to a single value")
    }
}
