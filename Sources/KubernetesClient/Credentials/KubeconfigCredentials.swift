import Synchronization
import Transport

/// The credentials of a context, read again from the kubeconfig's files: tools write new tokens into them.
///
/// # Guarantees
/// - The files are read again at most once in `RotatedFile.readAgainAfter`, or after a refusal by the server at most once in
///   `lookAfterRefusalEvery`.
/// - If the files cannot be read, or lack the context, the last good credentials stay in use. A change of `current-context`
///   has no effect.
/// - If the context now names another server or another authority, its credentials are not sent to the old server.
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
    private let stopwatch: ClientClock
    private let seen: Mutex<Seen>

    /// - Parameters:
    /// - config: the kubeconfig as it was read from its files.
    /// - source: the credentials that its context names.
    init(
        _ config: Kubeconfig, context: String, cluster: Kubeconfig.Cluster, source: any CredentialSource,
        stopwatch: ClientClock
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

    /// - Returns: whether the files now name other credentials.
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
