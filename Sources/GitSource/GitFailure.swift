import SafeText

/// Turns git's error output into a `GitError`. git runs with `LC_ALL=C`, so its messages are in English.
enum GitFailure {
    static let maximumQuotedLength = 400

    private static let full = ["no space left on device", "disk quota exceeded"]
    /// git, index-pack and unpack-objects write these when they reach the limit of file size or memory.
    private static let overLimit = ["file too large", "out of memory", "mmap failed", "cannot allocate memory"]
    private static let redirected = ["error: 301", "error: 302", "error: 303", "error: 307", "error: 308"]
    private static let unauthorized = [
        "authentication failed", "could not read username", "could not read password", "terminal prompts disabled",
        "permission denied", "host key verification failed", "dubious ownership", "error: 401", "error: 403",
        "access denied", "could not read from remote repository",
    ]
    private static let notFound = [
        "repository not found", "does not appear to be a git repository", "error: 404", "does not exist",
        "no such file or directory",
    ]
    private static let unreachable = [
        "could not resolve", "connection refused", "connection timed out", "connection reset", "connection closed",
        "network is unreachable", "no route to host", "failed to connect", "couldn't connect", "operation timed out",
        "operation too slow", "timed out", "rpc failed", "error: 5", "error: 429", "ssl", "gnutls", "tls",
        "unexpected disconnect",
    ]
    private static let brokenOff = ["hung up unexpectedly", "early eof"]
    private static let damaged = [
        "is corrupt", "corrupt", "bad object", "bad tree", "object file", "unable to read", "could not read",
        "packfile",
        "inflate", "did not send all necessary objects", "missing blob", "missing tree", "missing commit", "bad ref",
        "broken", "bad pack", "not our ref", "unable to parse", "invalid object", "missing necessary objects",
        "bad config", "pack has", "unresolved delta", "unpack",
    ]

    /// - Parameter task: what mlctl was doing, such as "Fetching main".
    static func error(in words: String, doing task: String, from location: GitLocation) -> GitError {
        let text = words.lowercased()
        func says(_ phrases: [String]) -> Bool { phrases.contains { text.contains($0) } }
        func fail(_ code: GitError.Code, _ advice: String) -> GitError {
            GitError(code, "\(task) from \(location) failed: \(advice) git says: \(quoted(words, location: location))")
        }
        if says(full) { return fail(.diskFull, "the disk is full; free disk space.") }
        if says(overLimit) {
            return fail(
                .tooLarge,
                "it is larger than the limits allow. Move large files out of it, for example to a repository of their own."
            )
        }
        if location.transport == .https, says(redirected) {
            return fail(
                .redirected,
                "the server redirects to another address. Redirects are not followed: credentials are for one address only."
            )
        }
        if says(["couldn't find remote ref"]) {
            return fail(.referenceNotFound, "the repository has no such branch or tag; check the name.")
        }
        if location.transport == .file {
            if says(["does not appear to be a git repository"]) {
                return fail(.repositoryNotFound, "there is no git repository there; check the path.")
            }
            if says(["permission denied", "dubious ownership"]) {
                return fail(.unauthorized, "it cannot be read; check its owner and mode.")
            }
            if says(damaged + brokenOff) { return damage(words, doing: task, from: location) }
            return fail(.failed, "the reason is unknown.")
        }
        // ssh ends every failure with "Could not read from remote repository", so more specific reasons are checked first.
        if says(unreachable) { return fail(.unreachable, "it cannot be reached; check the network and the address.") }
        if says(notFound) { return fail(.repositoryNotFound, "there is no git repository there; check the address.") }
        if says(unauthorized) {
            return fail(
                .unauthorized, "access is refused; check the key, token or known_hosts of the user mlctl runs as.")
        }
        if says(damaged) { return damage(words, doing: task, from: location) }
        if says(brokenOff) { return fail(.unreachable, "the connection was closed early.") }
        return fail(.failed, "the reason is unknown.")
    }

    static func damage(_ words: String, doing task: String, from location: GitLocation) -> GitError {
        GitError(
            .damaged,
            "\(task) from \(location) failed: objects are missing or damaged; run 'git fsck' in the repository. "
                + "git says: "
                + quoted(words, location: location))
    }

    /// The output on one line, without progress and hints, and with a bounded length.
    private static func quoted(_ words: String, location: GitLocation) -> String {
        let lines = words.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("From ") && !$0.hasPrefix("hint:") }
        let text = Escape.line(location.redacted(lines.joined(separator: "; ")))
        return text.isEmpty ? "nothing" : String(text.prefix(maximumQuotedLength))
    }
}
