import Testing

@testable import Commands

@Suite("The doctor's exit code and check names") struct FindingTests {
    private func exit(_ findings: [Finding], strict: Bool = false) -> CommandExit {
        Diagnosis(findings: findings).exit(isStrict: strict)
    }

    @Test("exits with 1 for a problem, with 1 for a warning only if requested, and with 2 without settings")
    func exits() {
        let unseen = Finding.notLookedAt(.diskRoom, "?")
        #expect(exit([.ok(.toolGit, "fine"), unseen]) == .done)
        #expect(exit([.ok(.toolGit, "fine"), unseen], strict: true) == .done)
        #expect(exit([unseen, .warning(.diskRoom, "few", "more")]) == .done)
        #expect(exit([unseen, .warning(.diskRoom, "few", "more")], strict: true) == .failed)
        #expect(exit([.problem(.diskRoom, "none", "more"), .warning(.diskRoom, "few", "more")]) == .failed)
        #expect(exit([.problem(.settingsRead, "what?", "see"), .problem(.diskRoom, "none", "more")]) == .wrongUsage)
    }

    @Test("check names are words with a dot, and each is unique")
    func names() {
        let names = CheckID.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        for name in names { #expect(name.wholeMatch(of: #/[a-z]+\.[a-z]+/#) != nil, "\(name)") }
    }
}
