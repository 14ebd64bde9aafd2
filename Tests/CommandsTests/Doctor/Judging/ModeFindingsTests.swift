import Testing

@testable import Commands

@Suite("The doctor's findings on file modes") struct ModeFindingsTests {
    private let problem = TrustProblem(path: "/s/x", reason: "others may write to it", advice: "chmod go-w /s/x")

    private func state(
        mode: UInt32? = 0o700, access: ModeFindings.Access = .writes, problem: TrustProblem? = nil,
        secrets: [TrustProblem] = [], open: [String] = []
    ) -> [Finding] {
        ModeFindings.state(
            .init(
                path: "/s", facts: mode.map { FileFacts(kind: .folder, owner: 7, group: 7, mode: $0) },
                access: access, problem: problem,
                secretProblems: secrets, openSecrets: open, secretCount: 2))
    }

    @Test("a state folder: closed, readable by others, not trusted, missing")
    func stateFolder() {
        #expect(state().map(\.severity) == [.ok, .ok])
        let readable = state(mode: 0o755)[0]
        #expect(readable.severity == .warning && readable.advice == "chmod 700 /s")
        let open = state(mode: 0o777, problem: problem)[0]
        #expect(open == .problem(.stateMode, "/s/x: others may write to it", "chmod go-w /s/x"))
        #expect(state(mode: nil).map(\.severity) == [.notApplicable, .notApplicable])
        #expect(ModeFindings.settings(nil).severity == .notApplicable)
    }

    @Test("a user without write or read access to the folder does not get \"well\"")
    func closed() {
        #expect(state(access: .reads).map(\.severity) == [.problem, .ok])
        #expect(state(access: .none).map(\.severity) == [.problem, .notLookedAt])
    }

    @Test("secrets that others could write are a problem, secrets that others could read a warning")
    func secrets() {
        let written = state(secrets: [problem, problem])[1]
        #expect(written.severity == .problem && written.message.contains("1 more") && written.advice == problem.advice)
        let open = state(open: ["/s/secrets/a", "/s/secrets/b"])[1]
        #expect(open.severity == .warning && open.advice == "chmod 600 /s/secrets/a /s/secrets/b")
    }

    @Test("files that the settings name: a missing file is a problem, and each wrong one is reported")
    func named() {
        func file(_ path: String, isThere: Bool = true, problem: TrustProblem? = nil) -> ModeFindings.NamedFile {
            .init(noun: "token 'ci'", path: path, use: .secret, isThere: isThere, problem: problem)
        }
        #expect(ModeFindings.named(nil).map(\.severity) == [.notLookedAt])
        #expect(ModeFindings.named([]).map(\.severity) == [.ok])
        #expect(ModeFindings.named([file("/a")]).map(\.severity) == [.ok])
        let found = ModeFindings.named([file("/a", isThere: false), file("/s/x", problem: problem), file("/b")])
        #expect(found.map(\.severity) == [.problem, .problem])
        #expect(found[0].message.contains("/a") && found[0].message.contains("token 'ci'"))
        #expect(found[1].advice == problem.advice)
    }
}
