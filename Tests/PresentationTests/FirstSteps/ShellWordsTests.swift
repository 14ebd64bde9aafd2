import Foundation
import TestSupport
import Testing

@testable import Presentation

@Suite("Arguments for a shell")
struct ShellWordsTests {
    @Test("come through a real shell as they are")
    func shell() throws {
        let words = ["a", "", "with blank", "it's", "$HOME `id` \\n", "*", "é", "-x", "a;b&c|d", "\"q\""]
        let line = "printf '%s|' " + ShellWords.line(words.filter { !$0.contains("|") })
        let output = try ChildProcess.run(["/bin/sh", "-c", line], environment: [:])
        let read = output.split(separator: "|", omittingEmptySubsequences: false).dropLast().map(String.init)
        #expect(read == words.filter { !$0.contains("|") })
        #expect(ShellWords.line(["mlctl", "run", "--repo", "./models"]) == "mlctl run --repo ./models")
        #expect(ShellWords.line(["a|b"]) == "'a|b'")
    }
}
