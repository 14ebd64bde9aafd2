import CLinuxProcess

/// Passes credentials to git through a helper that reads them from a file descriptor. They never appear on a command line, in the
/// environment or in a file. git does not store them, and sends them only to this one origin.
///
/// The descriptor refers to an unnamed file in memory. git's child processes inherit it, and the helper opens it again through
/// `/proc/self/fd` each time that git asks.
struct CredentialHelper: Sendable {
    /// A single digit, because dash redirects only those.
    static let descriptor = 9

    /// Settings for git, in order. None of them contains a secret.
    let settings: [GitEnvironment.Setting]
    private let answer: String

    /// - Parameter origin: `https://host:port`.
    /// - Throws: `GitError` if the credentials cannot be written in git's format.
    init(_ credentials: GitCredentials, origin: String) throws(GitError) {
        guard let answer = credentials.answer else {
            throw GitError(
                .unauthorized, "The credentials for \(origin) contain a line break or a NUL character. Remove it.")
        }
        self.answer = answer
        // Only shell builtins are used, because PATH may contain git and nothing else.
        let say = "s() { while IFS= read -r l; do printf '%s\\n' \"$l\"; done; }; "
        let own = "s </proc/self/fd/\(Self.descriptor)"
        if credentials.password != nil {
            settings = [
                // The empty helper removes all configured helpers: no other helper is asked for credentials or stores them.
                GitEnvironment.Setting("credential.helper", ""),
                GitEnvironment.Setting(
                    "credential.\(origin).helper", "!f() { \(say)test \"$1\" = get && \(own); }; f"),
            ]
        } else {
            // There is a user name but no password. git's own helpers may know the password. If not, the name is a token, which
            // needs no password.
            let asked = "{ \(own); s; } | GIT_CONFIG_COUNT=0 git credential fill 2>/dev/null"
            settings = [
                GitEnvironment.Setting("credential.helper", ""),
                GitEnvironment.Setting(
                    "credential.\(origin).helper",
                    "!f() { \(say)test \"$1\" = get || exit 0; \(asked) || { \(own); echo password=; }; }; f"),
            ]
        }
    }

    /// Returns a new descriptor to read from. The caller closes it.
    func open() throws(GitError) -> Int32 {
        let bytes = Array(answer.utf8)
        let descriptor = clp_memory_file("mlctl-git", bytes, bytes.count)
        guard descriptor >= 0 else {
            throw GitError(
                .failed, "The memory file for git's credentials could not be created (error \(-descriptor)).")
        }
        return descriptor
    }
}
