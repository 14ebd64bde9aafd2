import Synchronization
import Transport

/// The credentials of a kubeconfig's context, as the files say them now: tools write new tokens into them.
///
/// # Guarantees
/// - The files are looked at again at most every `RotatedFile.readAgainAfter`; after the server's refusal, at most every
///   `lookAfterRefusalEvery`.
/// - Files that cannot be read, or lack the context, change nothing: the last good credentials go on, and another context
///   that becomes the current one is not followed.
/// - Credentials of a context that has come to name another server, or another authority, are not sent to the old one.
final class KubeconfigCredentials: CredentialSource {
    static let lookAfterRefusalEvery = Duration.seconds(10)

    private struct Seen {
        var source: any CredentialSource
        var mark: Int
        var lookedAt: Duration
    }

    private let files: [String]
    private let context: String
    private let cluster: Kubeconfig.Cluster
    private let stopwatch: Stopwatch
    private let seen: Mutex<Seen>

    /// - Parameters:
    ///   - config: as it was read from its files.
    ///   - source: what its context says.
    init(
        _ config: Kubeconfig, context: String, cluster: Kubeconfig.Cluster, source: any CredentialSource,
        stopwatch: Stopwatch
    ) {
        files = config.files
        self.context = context
        self.cluster = cluster
        self.stopwatch = stopwatch
        seen = Mutex(Seen(source: source, mark: config.mark, lookedAt: stopwatch.elapsed()))
    }

    func current() async throws -> Credential {
        look(after: RotatedFile.readAgainAfter)
        return try await seen.withLock { $0.source }.current()
    }

    func refused(_ credential: Credential) async -> Bool {
        if look(after: Self.lookAfterRefusalEvery) { return true }
        return await seen.withLock { $0.source }.refused(credential)
    }

    /// - Returns: whether the files give other credentials than before.
    @discardableResult
    private func look(after interval: Duration) -> Bool {
        let now = stopwatch.elapsed()
        return seen.withLock { seen in
            guard now - seen.lookedAt >= interval else { return false }
            seen.lookedAt = now
            guard let texts = try? Kubeconfig.texts(of: files), Kubeconfig.mark(of: texts) != seen.mark,
                let config = try? Kubeconfig.merged(texts, files: files),
                let found = try? config.parts(of: context), found.cluster.isSameServer(as: cluster)
            else { return false }
            seen.mark = config.mark
            seen.source = Kubeconfig.credentials(found.user, found.cluster, stopwatch)
            return true
        }
    }
}

extension Kubeconfig.Cluster {
    fileprivate func isSameServer(as other: Kubeconfig.Cluster) -> Bool {
        server == other.server && serverName == other.serverName && isInsecure == other.isInsecure
            && authoritiesData == other.authoritiesData && authorities?.place == other.authorities?.place
            && proxyURL == other.proxyURL
    }
}
