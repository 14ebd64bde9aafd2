import Foundation

/// Which repository is read, and how.
package struct GitConfiguration: Sendable {
    package var location: GitLocation
    package var reference: GitReference
    /// The folder (or file) in the repository whose manifests are read; "" for the whole repository.
    package var path: String
    /// The bare mirror is kept here. Nothing else may use this directory.
    package var mirrorDirectory: String
    /// In addition to the address and to git's own helpers and configuration. For `https:` only.
    package var credentials: GitCredentialSource?
    /// Nil reads commits whether they are signed or not.
    package var signatures: SignatureRule?
    package var timeouts: GitTimeouts
    package var limits: GitLimits
    /// Only the variables that git needs are passed on.
    package var environment: [String: String]

    /// - Parameter reference: the name of a branch or tag, or a full commit id.
    /// - Throws: `GitError` with `invalidConfiguration`.
    package init(
        url: String, reference: String, path: String = ".", mirrorDirectory: String,
        credentials: GitCredentialSource? = nil, timeouts: GitTimeouts = GitTimeouts(), limits: GitLimits = GitLimits(),
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(GitError) {
        try self.init(
            url: url, reference: GitReference(reference), path: path, mirrorDirectory: mirrorDirectory,
            credentials: credentials, timeouts: timeouts, limits: limits, environment: environment)
    }

    /// - Throws: `GitError` with `invalidConfiguration`.
    package init(
        url: String, reference: GitReference, path: String = ".", mirrorDirectory: String,
        credentials: GitCredentialSource? = nil, timeouts: GitTimeouts = GitTimeouts(), limits: GitLimits = GitLimits(),
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(GitError) {
        location = try GitLocation(url)
        guard credentials == nil || location.transport == .https else {
            throw GitError(
                .invalidConfiguration,
                "\(location) cannot use credentials from a file: only https: addresses can. Use an https: address, or remove "
                    + "the file.")
        }
        self.reference = reference
        self.path = try Self.normal(path)
        self.mirrorDirectory = URL(fileURLWithPath: mirrorDirectory).standardizedFileURL.path
        self.credentials = credentials
        self.timeouts = timeouts
        self.limits = limits
        self.environment = environment
    }

    /// Turns `./deploy/` into `deploy`.
    private static func normal(_ path: String) throws(GitError) -> String {
        // Splits bytes: Swift reads a slash with a combining mark as another character.
        let parts = path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
            .filter { $0 != "." }
        guard path.utf8.first != UInt8(ascii: "/"), !parts.contains(".."), !path.utf8.contains(0) else {
            throw GitError(
                .invalidConfiguration,
                "'\(path)' is not a folder in the repository. Use a relative path such as 'deploy/models'.")
        }
        return parts.joined(separator: "/")
    }
}
