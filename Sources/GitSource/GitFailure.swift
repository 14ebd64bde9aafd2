import SafeText

/// Turns git's error output into a `GitError`. git runs with `LC_ALL=C`, so its messages are in English.
enum GitFailure {
    static let maximumQuotedLength = 400

    private static let full = ["no space left on device", "disk quota exceeded"]
    /// git, index-pack and unpack-objects write these when they reach the limit of file size or memory.
    private static let overLimit = ["file too large", "out of memory", "mmap failed", "cannot allocate memory"]
    private static let redirected = ["error: 301", "error: 302", "error: 303", "error: 307", "error: 308"]
    private static let credentialsRefused = ["authentication failed", "error: 401"]
    private static let credentialsMissing = [
        "could not read username", "could not read password", "terminal prompts disabled",
    ]
    private static let forbidden = ["error: 403", "access denied", "error: 407"]
    private static let keyRefused = [
        "permission denied (", "permission denied, please try again", "too many authentication",
    ]
    private static let changedHostKey = ["remote host identification has changed", "host key for", "offending"]
    private static let unknownHostKey = [
        "host key verification failed", "no matching host key", "is not known by any other",
    ]
    private static let unknownAuthority = [
        "certificate verification failed", "unable to get local issuer certificate", "self-signed certificate",
        "self signed certificate", "unable to get issuer certificate", "certificate signer not trusted",
        "unable to verify the first certificate",
    ]
    private static let badCertificate = [
        "certificate has expired", "certificate is not yet valid", "does not match target host name",
        "no alternative certificate subject name", "certificate subject name", "ssl certificate problem",
        "server certificate",
    ]
    private static let otherPage = ["is this a git repository", "invalid server response", "not a valid pkt-line"]
    private static let notFound = [
        "repository not found", "repository  not found", "does not appear to be a git repository", "error: 404",
        "does not exist", "no such file or directory", "could not be found",
    ]
    private static let unreachable = [
        "could not resolve", "connection refused", "connection timed out", "connection reset", "connection closed",
        "network is unreachable", "no route to host", "failed to connect", "couldn't connect", "operation timed out",
        "operation too slow", "timed out", "rpc failed", "error: 5", "error: 429", "unexpected disconnect",
        "ssl_connect", "ssl_error", "gnutls_handshake", "gnutls recv error", "openssl ssl", "ssl connection",
        "tls connection",
    ]
    private static let brokenOff = ["hung up unexpectedly", "early eof"]
    private static let damaged = [
        "is corrupt", "corrupt", "bad object", "bad tree", "object file", "unable to read", "could not read",
        "packfile",
        "inflate", "did not send all necessary objects", "missing blob", "missing tree", "missing commit", "bad ref",
        "broken", "bad pack", "not our ref", "unable to parse", "invalid object", "missing necessary objects",
        "bad config", "pack has", "unresolved delta", "unpack",
    ]

    /// What git and ssh say, without addresses, paths and names: these are chosen by people, and may contain any word.
    static func withoutNames(_ words: String, _ location: GitLocation) -> String {
        var text = words.lowercased()
        for name in [location.address.lowercased(), location.description.lowercased()] where !name.isEmpty {
            text = text.replacing(name, with: " ")
        }
        text = text.replacing(#/'[^'\n]*'/#, with: " ")
        return text.replacing(#/[a-z+]+:\/\/[^\s'"]*/#, with: " ")
    }

    /// - Parameter task: what mlctl was doing, such as "Fetching main".
    static func error(in words: String, doing task: String, from location: GitLocation) -> GitError {
        let text = withoutNames(words, location)
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
        if says(["couldn't find remote ref"]) {
            return fail(.referenceNotFound, "the repository has no such branch or tag; check the name.")
        }
        switch location.transport {
        case .https, .ssh:
            // The user's configuration may rewrite one to the other, so both are looked for.
            if let (code, advice) = shellReason(says, words) ?? webReason(says) { return fail(code, advice) }
            // ssh ends every failure with this, so more specific reasons are looked for first.
            if says(["permission denied", "could not read from remote repository"]) {
                return fail(
                    .unauthorized, "access is refused; check the key, token or known_hosts of the user mlctl runs as.")
            }
        case .file:
            if says(["does not appear to be a git repository"]) {
                return fail(.repositoryNotFound, "there is no git repository there; check the path.")
            }
            if says(["permission denied", "dubious ownership"]) {
                return fail(.unauthorized, "it cannot be read; check its owner and mode.")
            }
            if says(damaged + brokenOff) { return damage(words, doing: task, from: location) }
            return fail(.failed, "the reason is unknown.")
        }
        if says(damaged) { return damage(words, doing: task, from: location) }
        if says(brokenOff) { return fail(.unreachable, "the connection was closed early.") }
        return fail(.failed, "the reason is unknown.")
    }

    private static func webReason(_ says: ([String]) -> Bool) -> (GitError.Code, String)? {
        if says(redirected) {
            return (
                .redirected,
                "the server redirects to another address. Redirects are not followed: credentials are for one address only."
            )
        }
        if says(unknownAuthority) {
            return (
                .untrusted,
                "the server's certificate is not signed by an authority that this machine knows. Install the authority's "
                    + "certificate, or set GIT_SSL_CAINFO to a file with it."
            )
        }
        if says(badCertificate) {
            return (
                .untrusted,
                "the server's certificate is not valid for this address or this time. Renew it, or correct the address."
            )
        }
        if says(credentialsMissing) {
            return (
                .unauthorized,
                "the server asks for credentials, and none are given: access is refused. Name a file with a token as the "
                    + "project's tokenFile, or set up git's credential helper for the user mlctl runs as."
            )
        }
        if says(credentialsRefused) {
            return (
                .unauthorized,
                "access is refused: the server does not accept the credentials (401). Check whether the token has expired or "
                    + "was replaced."
            )
        }
        if says(forbidden) {
            return (
                .unauthorized,
                "access is refused: the server knows the credentials, but they may not read this repository (403). Give the "
                    + "token's owner the right to read it."
            )
        }
        if says(unreachable) { return (.unreachable, "it cannot be reached; check the network and the address.") }
        if says(otherPage) {
            return (
                .repositoryNotFound,
                "the server answers with a page that is not git's, such as a login page. Check the address, and whether a "
                    + "proxy or single sign-on stands before it."
            )
        }
        if says(notFound + [" not found"]) {
            return (
                .repositoryNotFound,
                "there is no git repository there, or it is hidden from these credentials (404); check the address and the "
                    + "rights of the token or key."
            )
        }
        return nil
    }

    private static func shellReason(_ says: ([String]) -> Bool, _ words: String) -> (GitError.Code, String)? {
        if says(changedHostKey) {
            let line = words.firstMatch(of: #/(?i)offending [\w-]+ key in (.+):(\d+)/#).map {
                " Then remove line \($0.2) of \($0.1) (sed -i '\($0.2)d' \($0.1)) and connect once with ssh."
            }
            return (
                .untrusted,
                "the host key of the server has changed: access is refused, because another machine may answer in its "
                    + "place. Ask the server's operator for the new key's fingerprint.\(line ?? "")"
            )
        }
        if says(unknownHostKey) {
            return (
                .untrusted,
                "access is refused, because the host key of the server is not known. Compare its fingerprint with the one "
                    + "that the operator publishes, and add it to known_hosts of the user mlctl runs as (ssh-keyscan)."
            )
        }
        if says(keyRefused) {
            return (
                .unauthorized,
                "access is refused: the server does not accept the key. Add the public key of the user mlctl runs as to the "
                    + "repository, or name another one with GIT_SSH_COMMAND."
            )
        }
        return nil
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
