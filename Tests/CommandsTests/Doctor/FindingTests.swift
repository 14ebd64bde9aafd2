import Testing

@testable import Commands

@Suite("A diagnosis") struct FindingTests {
    private func exit(_ findings: [Finding], strict: Bool = false) -> CommandExit {
        Diagnosis(findings: findings).exit(isStrict: strict)
    }

    @Test("ends with 1 for a problem, with 1 for a warning only where that was asked for, and with 2 without settings")
    func exits() {
        let unseen = Finding.notLookedAt(.diskRoom, "?")
        #expect(exit([.ok(.toolGit, "fine"), unseen]) == .done)
        #expect(exit([.ok(.toolGit, "fine"), unseen], strict: true) == .done)
        #expect(exit([unseen, .warning(.diskRoom, "few", "more")]) == .done)
        #expect(exit([unseen, .warning(.diskRoom, "few", "more")], strict: true) == .failed)
        #expect(exit([.problem(.diskRoom, "none", "more"), .warning(.diskRoom, "few", "more")]) == .failed)
        #expect(exit([.problem(.settingsRead, "what?", "see"), .problem(.diskRoom, "none", "more")]) == .wrongUsage)
    }

    @Test("names of checks are words with a dot, and none is there twice")
    func names() {
        let names = CheckID.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        for name in names { #expect(name.wholeMatch(of: #/[a-z]+\.[a-z]+/#) != nil, "\(name)") }
    }
}
