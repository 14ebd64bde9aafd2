import Presentation
import Testing

@testable import Commands

@Suite("The doctor's table") struct DoctorTextTests {
    private let diagnosis = Diagnosis(findings: [
        .problem(.stateMode, "/s: others may write to it", "chmod 700 /s"), .ok(.toolGit, "git 2.39"),
        .warning(.diskRoom, "few bytes are left on that disk", "remove some"),
        .notLookedAt(.repoReachable, "--offline"),
        .notApplicable(.toolSSH, "no ssh"),
    ])

    @Test("the most severe findings come last, each with advice, and then the counts")
    func table() {
        #expect(
            DoctorText.lines(diagnosis, on: Canvas()) == [
                "ok           tool.git        git 2.39",
                "-            tool.ssh        no ssh",
                "not checked  repo.reachable  --offline",
                "warning      disk.room       few bytes are left on that disk",
                "                             -> remove some",
                "PROBLEM      state.mode      /s: others may write to it",
                "                             -> chmod 700 /s",
                "",
                "1 problem, 1 warning, 1 not checked, 1 not applicable, 1 ok",
            ])
    }

    @Test("a narrow terminal wraps lines between words, and loses none")
    func narrow() {
        let lines = DoctorText.lines(diagnosis, on: Canvas(width: 52))
        #expect(lines.allSatisfy { $0.columns <= 61 })
        let words = lines.joined(separator: " ").split(separator: " ")
        #expect(words.filter { $0 == "disk" || $0 == "few" || $0 == "bytes" }.count == 3)
    }

    @Test("terminal control sequences are removed")
    func escapes() {
        let lines = DoctorText.lines(
            Diagnosis(findings: [.warning(.repoManifests, "a\u{1B}[2Jb", "c\nd")]), on: Canvas())
        #expect(!lines.joined().contains("\u{1B}") && !lines.joined().contains("\n"))
    }
}
