/// Checks that only the owner can access files and folders. Pure.
enum ModeFindings {
    /// A file that the settings name.
    struct NamedFile: Hashable, Sendable {
        /// For example `token 'ci'` or `key of tls`.
        var noun: String
        var path: String
        var use: TrustRules.Use
        var isThere: Bool
        var problem: TrustProblem?
    }

    /// The state folder.
    struct State: Hashable, Sendable {
        var path: String
        /// Nil where it does not exist yet.
        var facts: FileFacts?
        var access: Access
        var problem: TrustProblem?
        /// Problems of `secrets/` and the files in it.
        var secretProblems: [TrustProblem]
        /// Files in `secrets/` that others may read. The next start of the controller closes them.
        var openSecrets: [String]
        var secretCount: Int
    }

    /// What the current user may do in a folder.
    enum Access: Hashable, Sendable {
        case none
        case reads
        /// Also for root, who may do everything.
        case writes
    }

    private static let shown = 5

    static func state(_ state: State) -> [Finding] {
        guard let facts = state.facts else {
            let reason = "\(state.path) does not exist yet: 'mlctl run' creates it"
            return [.notApplicable(.stateMode, reason), .notApplicable(.stateSecrets, reason)]
        }
        return [folder(state, facts), secrets(state)]
    }

    private static func folder(_ state: State, _ facts: FileFacts) -> Finding {
        if let problem = state.problem { return finding(.stateMode, problem) }
        guard state.access == .writes else {
            return .problem(
                .stateMode, "\(state.path) belongs to user \(facts.owner), and this user may not write there",
                "Run this command and the controller as that user: sudo -u '#\(facts.owner)' mlctl doctor")
        }
        if facts.mode & 0o077 != 0 {
            return .warning(
                .stateMode,
                "others may read the state folder \(state.path) (mode \(facts.octalMode)); the controller's next start closes it",
                "chmod 700 \(state.path)")
        }
        return .ok(.stateMode, "nobody else can change \(state.path) or the folders above it")
    }

    private static func secrets(_ state: State) -> Finding {
        guard state.access != .none else {
            return .notLookedAt(.stateSecrets, "this user may not read \(state.path)")
        }
        if let problem = state.secretProblems.first {
            let more = state.secretProblems.count > 1 ? " (and \(state.secretProblems.count - 1) similar problems)" : ""
            return .problem(.stateSecrets, "\(problem.path): \(problem.reason)\(more)", problem.advice)
        }
        if !state.openSecrets.isEmpty {
            let names = state.openSecrets.prefix(shown).joined(separator: " ")
            return .warning(
                .stateSecrets,
                "others may read \(state.openSecrets.count) of the files in secrets/; the controller's next start closes them",
                "chmod 600 \(names)")
        }
        return .ok(
            .stateSecrets, "secrets/ contains \(state.secretCount.counted("file")), which only the owner can read")
    }

    static func settings(_ file: NamedFile?) -> Finding {
        guard let file else { return .notApplicable(.settingsMode, "there is no settings file (--config)") }
        if let problem = file.problem { return finding(.settingsMode, problem) }
        return .ok(.settingsMode, "nobody else can change the settings in \(file.path)")
    }

    /// - Parameter files: the files that the settings name; nil where the settings cannot be read.
    static func named(_ files: [NamedFile]?) -> [Finding] {
        guard let files else { return [.notLookedAt(.secretMode, "the settings cannot be read")] }
        guard !files.isEmpty else { return [.ok(.secretMode, "the settings name no file with a secret")] }
        let wrong = files.compactMap { file -> Finding? in
            guard file.isThere else {
                return .problem(
                    .secretMode, "\(file.path) (\(file.noun)) does not exist, or this user may not see it",
                    "Create it with mode 0600, or correct the path in the settings")
            }
            return file.problem.map {
                .problem(.secretMode, "\($0.path) (\(file.noun)): \($0.reason)", $0.advice)
            }
        }
        return wrong.isEmpty
            ? [
                .ok(
                    .secretMode,
                    "\(files.count.counted("file")) with secrets, keys or certificates: nobody else can read or change them"
                )
            ]
            : wrong
    }

    private static func finding(_ check: CheckID, _ problem: TrustProblem) -> Finding {
        .problem(check, "\(problem.path): \(problem.reason)", problem.advice)
    }
}
