import Foundation
import Logging
import Transport

/// Loads models' files by URI, verifies their digests and keeps them by digest.
///
/// # Guarantees
/// - A folder that `materialise` returns is complete, matches its digest and never changes. A later edit of the tree, or another
///   file under the same URL, has another digest.
/// - Calls for the same files share one load. An interrupted download is resumed, also after a restart.
/// - A model that is in use, or was requested a short time ago, is never evicted.
///
/// # Caveats
/// - A single file whose name is an archive's (`ArchiveName`) is unpacked. Its digest is that of the archive file.
/// - Empty folders, owners, times and modes other than "executable" are not kept.
package actor ModelStore {
    struct Key: Hashable {
        var uri: String
        var digest: ContentDigest?
        /// Whether a copy in the cache may be used without reading the address.
        var usesCache = true
    }

    let cache: ModelCache
    let base: String?
    let roots: FileRoots
    let limits: StorageLimits
    let logger: Logger
    let now: @Sendable () -> Date
    let environment: StoreEnvironment
    let caller: StoreCaller
    /// By name.
    let fetchers: [String: any ModelFetcher]
    let aws: AWSIdentity
    let google: GoogleIdentity
    let azure: AzureIdentity
    /// Where aliases and tags led a short time ago, by URI.
    var followed: [String: (source: ModelSourceAddress, at: Date)] = [:]

    private var loads: [Key: SingleFlight<URL, TransferProgress>] = [:]
    private var pins: [Key: SingleFlight<String, TransferProgress>] = [:]
    private var inUse: Set<String>?
    /// By server. Each transfer has its own time limits, so the wait for a turn ends.
    private let transfers: Turnstile

    /// - Parameters:
    ///   - cacheDirectory: a directory that nothing else uses.
    ///   - base: the folder that `file:./…` is relative to; nil refuses such URIs.
    ///   - roots: the places that `file:` models may come from. The cache itself is never one of them.
    ///   - environment: where stores' addresses and credentials are found.
    ///   - now: the wall clock, for ages in the cache.
    ///   - fetchers: programs of the operator's, by the NAME of `fetch+NAME:ADDRESS`.
    package init(
        cacheDirectory: URL, base: URL? = nil, roots: FileRoots = FileRoots(), limits: StorageLimits = StorageLimits(),
        environment: StoreEnvironment = StoreEnvironment(), logger: Logger = Logger(label: "mlctl.storage"),
        now: @escaping @Sendable () -> Date = { Date() }, fetchers: [String: any ModelFetcher] = [:]
    ) {
        self.fetchers = fetchers
        cache = ModelCache(root: cacheDirectory.standardizedFileURL.path)
        self.base = base?.path
        self.roots = FileRoots(
            allowed: roots.allowed, own: roots.own + [cacheDirectory.standardizedFileURL.path], home: roots.home)
        self.limits = limits
        transfers = Turnstile(limits.maximumTransfers, each: limits.maximumTransfersPerHost)
        self.logger = logger
        self.now = now
        self.environment = environment
        caller = StoreCaller(limits: limits, folder: "\(cache.root)/partial")
        aws = AWSIdentity(environment, caller: caller, now: now)
        google = GoogleIdentity(environment, caller: caller, now: now)
        azure = AzureIdentity(environment, caller: caller, now: now)
    }

    /// Returns the digest of what the URI holds now, or `digest` if it is given. Cheap as long as nothing has changed. A tree on
    /// this machine is read when it is quiet.
    ///
    /// - Parameters:
    ///   - digest: `sha256:` and 64 hex digits.
    ///   - allowed: the places that the caller's policy allows; nil means those of the store.
    ///   - permits: whether the caller's policy allows the address that an alias leads to.
    /// - Throws: `StorageError`, `CancellationError`.
    package func pin(
        uri: String, digest: String? = nil, allowed: [String]? = nil,
        progress: (@Sendable (TransferProgress) -> Void)? = nil, permits: (@Sendable (String) -> Bool)? = nil
    ) async throws -> String {
        let location = try ModelLocation(uri, base: base)
        if let digest {
            try await check(location, allowed)
            return try ContentDigest(digest).description
        }
        let source = try await follow(location, uri, permits: permits)
        try await check(source.location, allowed)
        let key = Key(uri: source.uri, digest: nil)
        let flight = join(&pins, key) { [self] flight in try await find(source.location, key, flight: flight) }
        let found = try await flight.value(progress: progress)
        if source.uri != uri { remember(source, of: uri, as: try ContentDigest(found)) }
        noteOrigin(source.uri, of: try ContentDigest(found))
        return found
    }

    /// Returns a read-only folder with the model's files: the files of a tree, or one file under its own name.
    ///
    /// - Parameters:
    ///   - digest: the required digest; nil takes what the URI holds now.
    ///   - allowed: the places that the caller's policy allows; nil means those of the store.
    ///   - mustComeFromThere: a policy restricts the caller's sources. A copy in the cache then counts only if this address had
    ///     these files once: a digest alone does not open the files of other projects.
    ///   - progress: called with the bytes so far, on any thread.
    ///   - permits: whether the caller's policy allows the address that an alias leads to.
    /// - Throws: `StorageError`; `CancellationError`. A cancelled download is resumed by the next call.
    package func materialise(
        uri: String, digest: String? = nil, allowed: [String]? = nil, mustComeFromThere: Bool = false,
        progress: (@Sendable (TransferProgress) -> Void)? = nil, permits: (@Sendable (String) -> Bool)? = nil
    ) async throws -> URL {
        let location = try ModelLocation(uri, base: base)
        let wanted = try digest.map { text throws(StorageError) in try ContentDigest(text) }
        let source = try await source(of: location, uri, wanted: wanted, permits: permits)
        try await check(source.location, allowed)
        let isKnown = wanted.map { hasOrigin(source.uri, of: $0) } ?? true
        let key = Key(uri: source.uri, digest: wanted, usesCache: isKnown || !mustComeFromThere)
        let flight = join(&loads, key) { [self] flight in try await load(source.location, key, flight: flight) }
        do {
            let folder = try await flight.value(progress: progress)
            // Either it was known, or the cache was not used and the address was read.
            if let wanted, mustComeFromThere { noteOrigin(source.uri, of: wanted) }
            return folder
        } catch let error as StorageError where error.code == .digestMismatch && source.uri != uri {
            throw movedOn(uri, source, error)
        }
    }

    /// Runs before any work that callers share, because each caller has its own permissions.
    private func check(_ location: ModelLocation, _ allowed: [String]?) async throws {
        guard case .file(let path) = location else { return }
        let roots = allowed.map { self.roots.allowing($0) } ?? self.roots
        try await BlockingWork.run { _ in
            guard let real = FileTree.realPath(path) else { return }
            try roots.check(real)
        }
    }

    /// Sets the digests that running or wanted instances use. Until the first call, nothing is evicted.
    package func setInUse(_ digests: Set<String>) {
        inUse = Set(digests.compactMap { try? ContentDigest($0).hex })
    }

    /// Evicts models that are over the limit and not in use, and removes what a crash left behind.
    ///
    /// - Parameter neededBytes: room that must be free in addition.
    /// - Returns: the number of bytes that were freed.
    @discardableResult
    package func evict(neededBytes: Int64 = 0) async throws -> Int64 {
        let (cache, limits, inUse, date) = (cache, limits, inUse, now())
        let victims = try await BlockingWork.run { _ in
            try cache.removeLeftovers(now: date)
            let victims = EvictionPlan.victims(
                cache.models(), neededBytes: neededBytes, inUse: inUse, now: date.timeIntervalSince1970, limits: limits)
            for victim in victims { try cache.evict(victim) }
            return victims
        }
        for victim in victims {
            logger.info(
                "model evicted from the cache", metadata: ["digest": "\(victim.hex)", "bytes": "\(victim.bytes)"])
        }
        return victims.reduce(0) { $0 + $1.bytes }
    }

    private func join<Value>(
        _ flights: inout [Key: SingleFlight<Value, TransferProgress>], _ key: Key,
        _ work: @escaping @Sendable (SingleFlight<Value, TransferProgress>) async throws -> Value
    ) -> SingleFlight<Value, TransferProgress> {
        let current = flights[key]
        if let current, current.join() { return current }
        let flight = SingleFlight(after: current, work)
        _ = flight.join()
        flights[key] = flight
        return flight
    }
}

// MARK: - Finding out what a URI holds

extension ModelStore {
    private func find(_ location: ModelLocation, _ key: Key, flight: SingleFlight<String, TransferProgress>)
        async throws
        -> String
    {
        // Runs at the end, even if no caller waits any more.
        defer { if pins[key] === flight { pins[key] = nil } }
        return switch location {
        case .file(let path): try await findQuietTree(path).description
        case .web(let web): try await findFile(web) { flight.report($0) }.description
        case .remote(let remote): try await findRemote(remote, uri: key.uri) { flight.report($0) }.description
        case .fetched(let fetched): try await findFetched(fetched) { flight.report($0) }.description
        case .reference(let reference): throw Self.notFollowed(reference)
        }
    }

    private func findQuietTree(_ path: String) async throws -> ContentDigest {
        try await waitUntilQuiet(path)
        return try await findTree(path).digest
    }

    func findTree(_ path: String) async throws -> (tree: FileTree, digest: ContentDigest) {
        let (cache, limits, startedAt) = (cache, limits, now())
        // A policy may allow more than the store does by default. The places that are refused to every caller are checked again.
        let roots = self.roots.allowing(["/"])
        return try await BlockingWork.run { cancellation in
            let tree = try FileTree(scanning: path, roots: roots, limits: limits, cancellation: cancellation)
            if let memo = cache.memos.memo(for: path), memo.fingerprint == tree.fingerprint {
                return (tree, try ContentDigest(memo.digest))
            }
            let digest = try tree.digest(cancellation: cancellation)
            let after = try FileTree(scanning: path, limits: limits, cancellation: cancellation)
            guard after.fingerprint == tree.fingerprint else {
                throw StorageError(
                    .changing, "\(path) changed while it was read. Finish writing it, or move it there complete.")
            }
            if let memo = PinMemo(tree: tree, digest: digest, startedAt: startedAt) {
                // An error is ignored: without the memo, the tree is read once more.
                try? cache.memos.save(memo, for: path)
            }
            return (tree, digest)
        }
    }

    /// A web file without a given digest. It is requested with the validators of last time, and downloaded if it changed.
    private func findFile(
        _ web: WebLocation, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> ContentDigest {
        let memo = cache.memos.memo(for: web.url)
        let known = try memo.map { memo throws(StorageError) in try ContentDigest(memo.digest) }
        let download = download(web, digest: nil, known: memo?.validators, report: report)
        switch try await run(download) {
        case .unchanged:
            guard let known else {
                throw StorageError(
                    .protocolError, "\(web) was answered as unchanged, but was never downloaded. Try again.")
            }
            return known
        case .complete(let head, _):
            let digest = try await BlockingWork.run { try FileCall.digest(of: download.path, cancellation: $0) }
            _ = try await publish(download, digest: digest, name: web.fileName)
            try? cache.memos.save(PinMemo(head: head, digest: digest), for: web.url)
            return digest
        }
    }
}

// MARK: - Loading

extension ModelStore {
    private func load(_ location: ModelLocation, _ key: Key, flight: SingleFlight<URL, TransferProgress>) async throws
        -> URL
    {
        defer { if loads[key] === flight { loads[key] = nil } }
        let folder =
            switch location {
            case .file(let path): try await loadTree(path, key, flight: flight)
            case .web(let web): try await loadFile(web, key, flight: flight)
            case .remote(let remote): try await loadRemote(remote, key) { flight.report($0) }
            case .fetched(let fetched): try await loadFetched(fetched, key) { flight.report($0) }
            case .reference(let reference): throw Self.notFollowed(reference)
            }
        do {
            try await evict()
        } catch let error as StorageError {
            logger.warning("the model cache could not be cleaned up", metadata: ["error": "\(error.message)"])
        }
        return URL(fileURLWithPath: folder, isDirectory: true)
    }

    /// Nil if the model is not in the cache, or no longer matches its digest. In that case it is removed, so that it is loaded
    /// again.
    func cached(_ digest: ContentDigest, name: String) async throws -> String? {
        let (cache, limits) = (cache, limits)
        let content = try await BlockingWork.run {
            try cache.verified(digest, name: name, limits: limits, cancellation: $0)
        }
        switch content {
        case .none: return nil
        case .whole(let folder):
            cache.touch(digest, now: now())
            return folder
        case .changed(let found):
            logger.error(
                "the files of a cached model were changed; the model is loaded again",
                metadata: ["digest": "\(digest)", "found": "\(found)"])
            try await BlockingWork.run { _ in
                try cache.evict(EvictionPlan.Model(hex: digest.hex, bytes: 0, lastUsedAt: 0))
            }
            return nil
        }
    }

    private func loadTree(_ path: String, _ key: Key, flight: SingleFlight<URL, TransferProgress>) async throws
        -> String
    {
        let wanted = key.digest
        let fileName = URL(fileURLWithPath: path).lastPathComponent
        if let wanted, key.usesCache {
            for name in [ModelCache.treeName, ModelCache.place(ofFile: fileName)] {
                if let folder = try await cached(wanted, name: name) { return folder }
            }
        }
        let found = try await findTree(path)
        guard wanted == nil || wanted == found.digest else {
            throw StorageError(
                .digestMismatch,
                "\(path) holds \(found.digest), but \(wanted?.description ?? "") is required. "
                    + "Restore the files, or commit the new digest.")
        }
        let name = found.tree.isSingleFile ? ModelCache.place(ofFile: fileName) : ModelCache.treeName
        if let folder = try await cached(found.digest, name: name) { return folder }
        return try await withRoom { [cache, limits, date = now()] in
            try await BlockingWork.run { cancellation in
                try cache.prepare()
                let free = try FileCall.freeBytes(at: cache.root)
                guard free - limits.minimumFreeBytes >= found.tree.totalBytes else {
                    throw StorageError(
                        .diskFull,
                        "\(path) has \(SizeText.of(found.tree.totalBytes)), but the disk has room for \(SizeText.of(free)). Free disk space."
                    )
                }
                let staged = cache.stagingFolder()
                do {
                    let copied = try TreeSnapshot.take(found.tree, to: staged, cancellation: cancellation) {
                        flight.report($0)
                    }
                    guard copied == found.digest else {
                        throw StorageError(
                            .changing,
                            "\(path) changed while it was copied. Finish writing it, or move it there complete.")
                    }
                    guard name != ModelCache.unpackedName else {
                        return try cache.publish(
                            archive: staged, file: fileName, digest: copied, limits: limits, cancellation: cancellation,
                            now: date)
                    }
                    return try cache.publish(
                        staged, digest: copied, name: name, bytes: found.tree.totalBytes, now: date)
                } catch {
                    // An error is ignored: `removeLeftovers` removes the rest later.
                    try? cache.remove(staged)
                    throw error
                }
            }
        }
    }

    private func loadFile(_ web: WebLocation, _ key: Key, flight: SingleFlight<URL, TransferProgress>) async throws
        -> String
    {
        guard let digest = key.digest else {
            // This goes through the shared loads, because two of them must not write to the same partial file.
            let found = try await pin(uri: web.url) { flight.report($0) }
            return try await materialise(uri: web.url, digest: found) { flight.report($0) }.path
        }
        let place = ModelCache.place(ofFile: web.fileName)
        if key.usesCache, let folder = try await cached(digest, name: place) { return folder }
        let download = download(web, digest: digest, known: nil) { flight.report($0) }
        // If a resumed file does not match the digest, it is downloaded once more from the start.
        for isLast in [false, true] {
            guard case .complete(_, let wasContinued) = try await run(download) else { break }
            let found = try await BlockingWork.run { try FileCall.digest(of: download.path, cancellation: $0) }
            if found == digest { return try await publish(download, digest: digest, name: web.fileName) }
            download.discard()
            if isLast || !wasContinued {
                throw StorageError(
                    .digestMismatch,
                    "\(web) holds \(found), but \(digest) is required. Correct the digest, or the file on the server.")
            }
        }
        throw StorageError(.protocolError, "\(web) was not sent by its server. Check the server.")
    }

    private func download(
        _ web: WebLocation, digest: ContentDigest?, known: PinMemo.Validators?,
        report: @escaping @Sendable (TransferProgress) -> Void
    ) -> WebDownload {
        WebDownload(
            location: web, isVerified: digest != nil, known: known, limits: limits,
            path: cache.partialPath(uri: web.url, digest: digest), progress: report)
    }

    func run(_ download: WebDownload) async throws -> WebDownload.Result {
        let server = download.location.server
        try await transfers.enter(server)
        defer { transfers.leave(server) }
        do {
            return try await withRoom { try await download.run() }
        } catch let error as StorageError where error.code == .diskFull || error.retryClass == .terminal {
            // The partial file must not keep the disk full, and after a terminal error it is useless.
            download.discard()
            throw error
        }
    }

    /// Tries once more if the disk was full and something could be evicted.
    func withRoom<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as StorageError where error.code == .diskFull {
            guard try await evict(neededBytes: limits.maximumCacheBytes) > 0 else { throw error }
            return try await body()
        }
    }

    func publish(_ download: WebDownload, digest: ContentDigest, name: String) async throws -> String {
        let (cache, limits, date) = (cache, limits, now())
        // The file is moved or refused: either way, nothing of it is left to resume.
        defer { download.discard() }
        return try await BlockingWork.run { cancellation in
            try cache.publish(
                file: download.path, name: name, digest: digest, limits: limits, cancellation: cancellation, now: date)
        }
    }
}
