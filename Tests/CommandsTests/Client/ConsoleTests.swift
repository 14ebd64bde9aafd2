import Testing

@testable import Commands

@Suite struct ConsoleTests {
    @Test("a terminal gets colours unless it is dumb or NO_COLOR is set")
    func colours() {
        #expect(Console.usesColour(isTerminal: true, environment: ["TERM": "xterm", "NO_COLOR": ""]))
        #expect(!Console.usesColour(isTerminal: true, environment: ["NO_COLOR": "1"]))
        #expect(!Console.usesColour(isTerminal: true, environment: ["TERM": "dumb"]))
        #expect(!Console.usesColour(isTerminal: false, environment: [:]))
    }
}
