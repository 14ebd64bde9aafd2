import Testing

@testable import Commands

@Suite("The doctor's findings on repositories and sources") struct SourceFindingsTests {
    @Test("unreadable, with invalid manifests, empty, and well")
    func repositories() {
        func severities(_ repository: SourceFindings.Repository) -> [Finding.Severity] {
            SourceFindings.repository(repository, of: "risk", at: "/r").map(\.severity)
        }
        #expect(severities(.refused(message: "no such branch")) == [.problem, .notLookedAt])
        #expect(severities(.read(commit: "abc", manifests: 2, mistakes: ["a.yaml: no"])) == [.ok, .warning])
        #expect(severities(.read(commit: "abc", manifests: 0, mistakes: [])) == [.ok, .warning])
        #expect(severities(.read(commit: "abc", manifests: 2, mistakes: [])) == [.ok, .ok])
    }

    @Test("a source that does not answer is a problem, an unauthenticated source a warning")
    func sources() {
        func severities(_ problem: String?, _ anybody: Bool) -> [Finding.Severity] {
            SourceFindings.source("p", asked: "http://p", problem: problem, believesAnybody: anybody).map(\.severity)
        }
        #expect(severities(nil, false) == [.ok])
        #expect(severities("no answer within 8 s", false) == [.problem])
        #expect(severities(nil, true) == [.ok, .warning])
    }
}
