import Testing

@testable import Commands

@Suite("A command that does not exist")
struct UnknownCommandTests {
    @Test(
        "names the one that is meant",
        arguments: [
            ("stauts", "status"), ("rolback", "rollback"), ("diff", "plan"), ("deploy", "run"), ("inti", "init"),
        ])
    func meant(_ word: String, _ command: String) {
        #expect(UnknownCommand.problem(in: [word, "x"]) == "there is no command '\(word)'; did you mean '\(command)'?")
    }

    @Test("says where they are listed when none is near, and passes over commands, options and help")
    func others() {
        #expect(UnknownCommand.problem(in: ["xyzzy"])?.contains("--help") == true)
        for fine in [[], ["status"], ["--version"], ["-h"], ["help", "run"], ["keeper"]] {
            #expect(UnknownCommand.problem(in: fine) == nil, "\(fine)")
        }
    }
}
