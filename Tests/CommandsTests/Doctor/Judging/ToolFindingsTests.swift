import Testing

@testable import Commands

@Suite("The doctor's findings on programs") struct ToolFindingsTests {
    @Test(
        "versions are parsed from the programs' output",
        arguments: [
            ("git version 2.39.5", 2, 39), (" OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15", 9, 2),
            ("git version 2.31.1 (Apple Git-130)", 2, 31),
        ])
    func versions(text: String, major: Int, minor: Int) {
        #expect(ToolFindings.Version(in: text) == ToolFindings.Version(major, minor))
    }

    @Test("a missing or too old program is a problem with the reason; an unknown version is not known")
    func tools() {
        func severity(_ said: String?) -> Finding.Severity {
            ToolFindings.finding(ToolFindings.git, said: said).severity
        }
        #expect(severity("git version 2.31.0") == .ok)
        #expect(severity("git version 10.0.0") == .ok)
        #expect(severity("git version 2.30.9") == .problem)
        #expect(severity(nil) == .problem)
        #expect(severity("hello") == .notLookedAt)
        #expect(ToolFindings.finding(ToolFindings.git, said: "git version 2.5.0").message.contains("GIT_CONFIG_COUNT"))
    }

    @Test("a missing program that a manifest or source starts is named")
    func programs() {
        let there = ToolFindings.Program(name: "python3", wantedBy: "a/b", isFound: true)
        let gone = ToolFindings.Program(name: "mlserver", wantedBy: "a/c", isFound: false)
        #expect(ToolFindings.programs([there]).map(\.severity) == [.ok])
        #expect(ToolFindings.programs([]).map(\.severity) == [.notApplicable])
        #expect(ToolFindings.programs(nil).map(\.severity) == [.notLookedAt])
        let found = ToolFindings.programs([there, gone])
        #expect(found.map(\.severity) == [.problem] && found[0].message.contains("a/c starts 'mlserver'"))
    }
}
