import Foundation
import Testing

@testable import Commands

@Suite("What runs for a state folder")
struct RunningProgramsTests {
    @Test("only mlctl's own processes with this folder count")
    func roles() {
        let state = URL(filePath: "/var/lib/mlctl", directoryHint: .isDirectory)
        func role(_ words: String...) -> RunningPrograms.Role? { RunningPrograms.role(of: words, state: state) }
        #expect(role("/usr/bin/mlctl", "keeper", "--state-dir", "/var/lib/mlctl/", "--instance", "a") == .keeper)
        #expect(role("mlctl", "proxy", "--state-dir", "/var/lib/mlctl") == .proxy)
        #expect(role("mlctl", "proxy", "--state-dir", "/var/lib/other") == nil)
        #expect(role("/usr/bin/python3", "keeper", "--state-dir", "/var/lib/mlctl") == nil)
        #expect(role("mlctl", "status", "--state-dir", "/var/lib/mlctl") == nil)
        #expect(role("mlctl", "keeper", "--state-dir") == nil)
    }

    @Test("a program that is no mlctl has no version")
    func version() async {
        #expect(await RunningPrograms.version(of: -1) == nil)
        #expect(RunningPrograms.file(of: -1) == nil && RunningPrograms.file(of: getpid()) != nil)
    }
}
