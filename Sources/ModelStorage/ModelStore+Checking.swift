import Foundation

/// What is at a URI now, compared with a digest.
package enum SourceCheck: Hashable, Sendable {
    case unchanged, changed, missing
    /// The place does not tell without a download.
    case unknown
}

// Finds out whether files were replaced, without downloading them.
extension ModelStore {
    /// Whether a URI still holds what it held when `digest` was found for it.
    ///
    /// A tree on this machine is read again if its files' times or sizes changed. A store is asked for its listing, and a web
    /// server with the validators of last time: what is not the same is not downloaded. An alias is followed: it has changed if it
    /// leads elsewhere. Only a program of the operator's knows whether what it fetches has changed.
    ///
    /// - Throws: `StorageError` if the place cannot be asked now; `CancellationError`.
    package func check(uri: String, against digest: String) async throws -> SourceCheck {
        let location = try ModelLocation(uri, base: base)
        do {
            let source = try await follow(location, uri, permits: nil)
            if Self.leadsOn(location), let wanted = try? ContentDigest(digest),
                let known = cache.memos.memo(for: Self.memoName(uri, wanted))?.source, known != source.uri
            {
                return .changed
            }
            switch source.location {
            case .file(let path): return try await findTree(path).digest.description == digest ? .unchanged : .changed
            case .web(let web):
                return try await compare(cache.memos.memo(for: web.url), digest) { try await state(of: web, since: $0) }
            case .remote(let remote):
                return try await compare(cache.memos.memo(for: source.uri), digest) { memo in
                    guard let known = memo.listing else { return .unknown }
                    return try await list(remote).identity == known ? .unchanged : .changed
                }
            case .fetched, .reference: return .unknown
            }
        } catch let error as StorageError where error.code == .notFound {
            return .missing
        }
    }

    /// - Parameter ask: whether the place is as it was when the memo was made.
    private func compare(
        _ memo: PinMemo?, _ digest: String, _ ask: (PinMemo) async throws -> SourceCheck
    ) async throws -> SourceCheck {
        guard let memo else { return .unknown }
        let found = try await ask(memo)
        // The memo is of other files if another deployment pinned them since.
        return memo.digest == digest || found != .unchanged ? found : .changed
    }

    /// Asks for the file if it changed, and refuses its body.
    private func state(of web: WebLocation, since memo: PinMemo) async throws -> SourceCheck {
        guard let validators = memo.validators else { return .unknown }
        var limits = limits
        limits.maximumModelBytes = 0
        let download = WebDownload(
            location: web, isVerified: false, known: validators, limits: limits,
            path: "\(cache.root)/partial/\(UUID().uuidString).check", progress: { _ in })
        defer { download.discard() }
        do {
            return try await run(download) == .unchanged ? .unchanged : .changed
        } catch let error as StorageError where error.code == .tooLarge {
            return .changed
        }
    }

    // MARK: - Quiet trees

    /// Waits until a tree has not changed for `StorageLimits.quietPeriod`, so that files that are being written are not pinned
    /// half.
    ///
    /// - Throws: `StorageError` with `changing` if it changes all the time.
    func waitUntilQuiet(_ path: String) async throws {
        guard limits.quietPeriod > .zero else { return }
        var seen: FileTree?
        for _ in 0..<Self.quietAttempts {
            let (limits, roots) = (limits, roots.allowing(["/"]))
            let tree = try await BlockingWork.run {
                try FileTree(scanning: path, roots: roots, limits: limits, cancellation: $0)
            }
            let age = Duration.seconds(now().timeIntervalSince1970 - Double(tree.newestChange) / 1e9)
            // A time in the future says nothing, but a tree that stayed the same for the period is quiet.
            if age >= limits.quietPeriod || (age < .zero && seen?.fingerprint == tree.fingerprint) { return }
            seen = tree
            try await Task.sleep(for: age < .zero ? limits.quietPeriod : limits.quietPeriod - age)
        }
        throw StorageError(
            .changing,
            "\(path) is still being written. It is read once it has not changed for \(limits.quietPeriod.components.seconds) s."
        )
    }

    static let quietAttempts = 10
}
