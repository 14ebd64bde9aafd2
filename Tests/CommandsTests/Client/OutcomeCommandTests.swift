import ArgumentParser
import ControlAPI
import Testing

@testable import Commands

@Suite struct OutcomeCommandTests {
    @Test(
        "labels are numbers, true or false",
        arguments: [
            ("correct=1", "correct", 1.0), ("ok=false", "ok", 0), ("ok=true", "ok", 1), ("cost=2.5e1", "cost", 25),
        ])
    func values(text: String, label: String, value: Double) throws {
        let found = try OutcomeCommand.value(text)
        #expect(found.0 == label && found.1 == value)
    }

    @Test(
        "a usage error is reported before anything is sent",
        arguments: [
            [], ["id"], ["id", "correct"], ["id", "=1"], ["id", "correct=yes"], ["id", "correct=nan"],
            ["id", "correct=inf"], ["id", "correct=1", "--file", "x"],
        ])
    func usage(arguments: [String]) {
        #expect(throws: (any Error).self) { try OutcomeCommand.parse(arguments) }
    }

    @Test("a file is sent in batches within the request limit, without empty lines")
    func batches() {
        let limit = LineGroups<[String]>.lineLimit
        let lines = (0..<(limit + 5)).map { "{\($0)}" } + ["", "  "]
        let batches = Array(LineGroups(lines: lines))
        #expect(batches.map { $0.split(separator: "\n").count } == [limit, 5])
        #expect(batches.joined(separator: "\n") == lines.prefix(limit + 5).joined(separator: "\n"))
        let long = String(repeating: "x", count: APILimits.outcomeBytes / 2)
        #expect(Array(LineGroups(lines: [long, long, "y"])).count == 3)
        #expect(Array(LineGroups(lines: [String]())).isEmpty)
    }
}
