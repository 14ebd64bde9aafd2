import CLinuxProcess

/// How credentials reach git: through a helper that reads them from a descriptor. They stand on no command line, in no
/// environment and in no file, git stores them nowhere, and it sends them to nobody but the one origin.
///
/// The descriptor is a file in memory without a name. git's children inherit it, and the helper opens it anew by
/// `/proc/self/fd`, as often as it is asked.
struct CredentialHelper: Sendable {
    /// Of those that dash knows how to redirect.
    static let descriptor = 9

    /// Settings of git, in order; none of them holds a secret.
    let settings: [GitEnvironment.Setting]
    private let answer: String

    /// - Parameter origin: `https://host:port`.
    /// - Throws: `GitError` where git cannot be told.
    init(_ credentials: GitCredentials, origin: String) throws(GitError) {
        guard let answer = credentials.answer else {
            throw GitError(
                .unauthorized, "The credentials for \(origin) hold a line end or a NUL. Take it out of them.")
        }
        self.answer = answer
        // Only words that the shell knows by itself: PATH may lead to git and to nothing else.
        let say = "s() { while IFS= read -r l; do printf '%s\\n' \"$l\"; done; }; "
        let own = "s </proc/self/fd/\(Self.descriptor)"
        if credentials.password != nil {
            settings = [
                // Nobody else is asked, nor told what to remember.
                GitEnvironment.Setting("credential.helper", ""),
                GitEnvironment.Setting(
                    "credential.\(origin).helper", "!f() { \(say)test \"$1\" = get && \(own); }; f"),
            ]
        } else {
            // A name alone: git's own helpers may know the password. Else the name is a token, which needs none.
            let asked = "{ \(own); s; } | GIT_CONFIG_COUNT=0 git credential fill 2>/dev/null"
            settings = [
                GitEnvironment.Setting("credential.helper", ""),
                GitEnvironment.Setting(
                    "credential.\(origin).helper",
                    "!f() { \(say)test \"$1\" = get || exit 0; \(asked) || { \(own); echo password=; }; }; f"),
            ]
        }
    }

    /// A new descriptor to read from, which the caller closes.
    func open() throws(GitError) -> Int32 {
        let bytes = Array(answer.utf8)
        let descriptor = clp_memory_file("mlctl-git", bytes, bytes.count)
        guard descriptor >= 0 else {
            throw GitError(.failed, "No memory file can be made for git's credentials (error \(-descriptor)).")
        }
        return descriptor
    }
}
