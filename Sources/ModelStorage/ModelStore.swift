import Foundation
import Logging
import Transport

/// A model's files by URI: loaded, verified by digest, and kept by digest.
///
/// # Guarantees
/// - A folder that `materialise` returns holds what its digest names, whole, and never changes: later edits of a tree,
///   or another file under the same URL, are another digest.
/// - Calls for the same files share one load. A download that breaks is taken up where it ended, also after a restart.
/// - A model that is in use, or was just asked for, is never thrown out.
///
/// # Caveats
/// - Archives are not unpacked.
/// - Empty folders, owners, times and modes other than "executable" are not kept.
public actor ModelStore {
    private struct Key: Hashable {
        var uri: String
        var digest: ContentDigest?
    }

    private let cache: ModelCache
    private let base: String?
    private let roots: FileRoots
    private let limits: StorageLimits
    private let logger: Logger
    private let now: @Sendable () -> Date

    private var loads: [Key: Flight<URL, TransferProgress>] = [:]
    private var pins: [Key: Flight<String, TransferProgress>] = [:]
    private var inUse: Set<String>?
    /// By server. Each transfer has its own time limits, so the wait for a turn ends.
    private let transfers: Turnstile

    /// - Parameters:
    ///   - cacheDirectory: ours alone.
    ///   - base: what `file:./…` is relative to; nil refuses such URIs.
    ///   - roots: from where `file:` models may come. The cache itself is never among them.
    ///   - now: the wall clock, for ages in the cache.
    public init(
        cacheDirectory: URL, base: URL? = nil, roots: FileRoots = FileRoots(), limits: StorageLimits = StorageLimits(),
        logger: Logger = Logger(label: "mlctl.storage"), now: @escaping @Sendable () -> Date = { Date() }
    ) {
        cache = ModelCache(root: cacheDirectory.standardizedFileURL.path)
        self.base = base?.path
        self.roots = FileRoots(
            allowed: roots.allowed, own: roots.own + [cacheDirectory.standardizedFileURL.path], home: roots.home)
        self.limits = limits
        transfers = Turnstile(limits.maximumTransfers, each: limits.maximumTransfersPerHost)
        self.logger = logger
        self.now = now
    }

    /// The digest of what the URI holds now; the given one where there is one. Cheap while nothing has changed.
    ///
    /// - Parameters:
    ///   - digest: `sha256:` and 64 hex digits.
    ///   - allowed: the places that the caller's policy allows; nil: those of the store.
    /// - Throws: `StorageError`, `CancellationError`.
    public func pin(
        uri: String, digest: String? = nil, allowed: [String]? = nil,
        progress: (@Sendable (TransferProgress) -> Void)? = nil
    ) async throws -> String {
        let location = try ModelLocation(uri, base: base)
        try await check(location, allowed)
        if let digest { return try ContentDigest(digest).description }
        let key = Key(uri: uri, digest: nil)
        let flight = join(&pins, key) { [self] flight in try await find(location, key, flight: flight) }
        return try await flight.value(progress: progress)
    }

    /// A read-only folder with the model's files: a tree's own, or the one file under its name.
    ///
    /// - Parameters:
    ///   - digest: what it must be; nil takes what the URI holds now.
    ///   - allowed: the places that the caller's policy allows; nil: those of the store.
    ///   - progress: bytes so far, on any thread.
    /// - Throws: `StorageError`; `CancellationError`, after which a download goes on where it ended.
    public func materialise(
        uri: String, digest: String? = nil, allowed: [String]? = nil,
        progress: (@Sendable (TransferProgress) -> Void)? = nil
    ) async throws -> URL {
        let location = try ModelLocation(uri, base: base)
        try await check(location, allowed)
        let wanted = try digest.map { text throws(StorageError) in try ContentDigest(text) }
        let key = Key(uri: uri, digest: wanted)
        let flight = join(&loads, key) { [self] flight in try await load(location, key, flight: flight) }
        return try await flight.value(progress: progress)
    }

    /// Before anything that callers share: what one may have is not what another may.
    private func check(_ location: ModelLocation, _ allowed: [String]?) async throws {
        guard case .file(let path) = location else { return }
        let roots = allowed.map { self.roots.allowing($0) } ?? self.roots
        try await BlockingWork.run { _ in
            guard let real = FileTree.realPath(path) else { return }
            try roots.check(real)
        }
    }

    /// Tells which digests running or wanted instances rely on. Until it is told once, nothing leaves the cache.
    public func setInUse(_ digests: Set<String>) {
        inUse = Set(digests.compactMap { try? ContentDigest($0).hex })
    }

    /// Throws out what is over the limit and not in use, and what was left behind by a crash.
    ///
    /// - Parameter neededBytes: what has to fit in besides.
    /// - Returns: bytes that are free now and were not before.
    @discardableResult
    public func evict(neededBytes: Int64 = 0) async throws -> Int64 {
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
                "model thrown out of the cache", metadata: ["digest": "\(victim.hex)", "bytes": "\(victim.bytes)"])
        }
        return victims.reduce(0) { $0 + $1.bytes }
    }

    private func join<Value>(
        _ flights: inout [Key: Flight<Value, TransferProgress>], _ key: Key,
        _ work: @escaping @Sendable (Flight<Value, TransferProgress>) async throws -> Value
    ) -> Flight<Value, TransferProgress> {
        let current = flights[key]
        if let current, current.join() { return current }
        let flight = Flight(after: current, work)
        _ = flight.join()
        flights[key] = flight
        return flight
    }
}

// MARK: - Finding out what a URI holds

extension ModelStore {
    private func find(_ location: ModelLocation, _ key: Key, flight: Flight<String, TransferProgress>) async throws
        -> String
    {
        // Over is over, also when nobody waits for it any more.
        defer { if pins[key] === flight { pins[key] = nil } }
        return switch location {
        case .file(let path): try await findTree(path).digest.description
        case .web(let web): try await findFile(web) { flight.report($0) }.description
        }
    }

    private func findTree(_ path: String) async throws -> (tree: FileTree, digest: ContentDigest) {
        let (cache, limits, startedAt) = (cache, limits, now())
        // A policy allows more than the store by itself, so what every caller is refused is looked at once more.
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
                    .changing, "\(path) changes while it is read. Finish writing it, or move it there whole.")
            }
            if let memo = PinMemo(tree: tree, digest: digest, startedAt: startedAt) {
                // Losing it costs another reading.
                try? cache.memos.save(memo, for: path)
            }
            return (tree, digest)
        }
    }

    /// A file whose digest nobody gave: asked for with the validators of last time, loaded when it is another.
    private func findFile(
        _ web: WebLocation, report: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> ContentDigest {
        let memo = cache.memos.memo(for: web.url)
        let known = try memo.map { memo throws(StorageError) in try ContentDigest(memo.digest) }
        if let memo, let known {
            let age = now().timeIntervalSince1970 - memo.checkedAt
            let interval = memo.validators == nil ? limits.blindRecheckInterval : limits.recheckInterval
            if age >= 0, age < Double(interval.components.seconds) { return known }
        }
        let download = download(web, digest: nil, known: memo?.validators, report: report)
        switch try await run(download) {
        case .unchanged:
            guard let known, var memo else {
                throw StorageError(.protocolError, "\(web) says that it is unchanged, and was never loaded. Try again.")
            }
            memo.checkedAt = now().timeIntervalSince1970
            try? cache.memos.save(memo, for: web.url)
            return known
        case .complete(let head, _):
            let digest = try await BlockingWork.run { try FileCall.digest(of: download.path, cancellation: $0) }
            _ = try await publish(download, digest: digest, name: web.fileName)
            try? cache.memos.save(PinMemo(head: head, digest: digest, at: now()), for: web.url)
            return digest
        }
    }
}

// MARK: - Loading

extension ModelStore {
    private func load(_ location: ModelLocation, _ key: Key, flight: Flight<URL, TransferProgress>) async throws -> URL
    {
        defer { if loads[key] === flight { loads[key] = nil } }
        let wanted = key.digest
        let folder =
            switch location {
            case .file(let path): try await loadTree(path, wanted: wanted, flight: flight)
            case .web(let web): try await loadFile(web, wanted: wanted, flight: flight)
            }
        do {
            try await evict()
        } catch let error as StorageError {
            logger.warning("the model cache could not be cleaned", metadata: ["error": "\(error.message)"])
        }
        return URL(fileURLWithPath: folder, isDirectory: true)
    }

    /// Nil where it is not there, or is no longer what its digest names: then it is taken away, to be loaded anew.
    private func cached(_ digest: ContentDigest, name: String) async throws -> String? {
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
                "a model in the cache was changed by somebody; it is loaded anew",
                metadata: ["digest": "\(digest)", "found": "\(found)"])
            try await BlockingWork.run { _ in
                try cache.evict(EvictionPlan.Model(hex: digest.hex, bytes: 0, lastUsedAt: 0))
            }
            return nil
        }
    }

    private func loadTree(_ path: String, wanted: ContentDigest?, flight: Flight<URL, TransferProgress>) async throws
        -> String
    {
        let fileName = URL(fileURLWithPath: path).lastPathComponent
        if let wanted {
            for name in [ModelCache.treeName, fileName] {
                if let folder = try await cached(wanted, name: name) { return folder }
            }
        }
        let found = try await findTree(path)
        guard wanted == nil || wanted == found.digest else {
            throw StorageError(
                .digestMismatch,
                "\(path) holds \(found.digest), and \(wanted?.description ?? "") is wanted. "
                    + "Put back the files that belong to it, or commit the new digest.")
        }
        let name = found.tree.isSingleFile ? fileName : ModelCache.treeName
        if let folder = try await cached(found.digest, name: name) { return folder }
        return try await withRoom { [cache, limits, date = now()] in
            try await BlockingWork.run { cancellation in
                try cache.prepare()
                let free = try FileCall.freeBytes(at: cache.root)
                guard free - limits.minimumFreeBytes >= found.tree.totalBytes else {
                    throw StorageError(
                        .diskFull,
                        "\(path) has \(found.tree.totalBytes) bytes, and the disk has room for \(free). Make room.")
                }
                let staged = cache.stagingFolder()
                do {
                    let copied = try TreeSnapshot.take(found.tree, to: staged, cancellation: cancellation) {
                        flight.report($0)
                    }
                    guard copied == found.digest else {
                        throw StorageError(
                            .changing, "\(path) changes while it is copied. Finish writing it, or move it there whole.")
                    }
                    return try cache.publish(
                        staged, digest: copied, name: name, bytes: found.tree.totalBytes, now: date)
                } catch {
                    // What is left of it goes with the other leftovers.
                    try? cache.remove(staged)
                    throw error
                }
            }
        }
    }

    private func loadFile(_ web: WebLocation, wanted: ContentDigest?, flight: Flight<URL, TransferProgress>)
        async throws -> String
    {
        guard let digest = wanted else {
            // By way of the shared loads: two of them must not write one partial file.
            let found = try await pin(uri: web.url) { flight.report($0) }
            return try await materialise(uri: web.url, digest: found) { flight.report($0) }.path
        }
        if let folder = try await cached(digest, name: web.fileName) { return folder }
        let download = download(web, digest: digest, known: nil) { flight.report($0) }
        // Once more where what was continued was not what it seemed.
        for isLast in [false, true] {
            guard case .complete(_, let wasContinued) = try await run(download) else { break }
            let found = try await BlockingWork.run { try FileCall.digest(of: download.path, cancellation: $0) }
            if found == digest { return try await publish(download, digest: digest, name: web.fileName) }
            download.discard()
            if isLast || !wasContinued {
                throw StorageError(
                    .digestMismatch,
                    "\(web) holds \(found), and \(digest) is wanted. Correct the digest, or the file on the server.")
            }
        }
        throw StorageError(.protocolError, "\(web) was not sent. Check the server.")
    }

    private func download(
        _ web: WebLocation, digest: ContentDigest?, known: PinMemo.Validators?,
        report: @escaping @Sendable (TransferProgress) -> Void
    ) -> WebDownload {
        WebDownload(
            location: web, isVerified: digest != nil, known: known, limits: limits,
            path: cache.partialPath(uri: web.url, digest: digest), progress: report)
    }

    private func run(_ download: WebDownload) async throws -> WebDownload.Result {
        let server = download.location.server
        try await transfers.enter(server)
        defer { transfers.leave(server) }
        do {
            return try await withRoom { try await download.run() }
        } catch let error as StorageError where error.code == .diskFull || error.retryClass == .terminal {
            // What fills the disk must not stay; what can never be wanted need not.
            download.discard()
            throw error
        }
    }

    /// Tries once more when the disk was full and something could be thrown out.
    private func withRoom<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as StorageError where error.code == .diskFull {
            guard try await evict(neededBytes: limits.maximumCacheBytes) > 0 else { throw error }
            return try await body()
        }
    }

    private func publish(_ download: WebDownload, digest: ContentDigest, name: String) async throws -> String {
        let (cache, date) = (cache, now())
        let folder = try await BlockingWork.run { _ in
            let staged = cache.stagingFolder()
            let file = "\(staged)/\(name)"
            try FileManager.default.createDirectory(atPath: staged, withIntermediateDirectories: true)
            do {
                guard rename(download.path, file) == 0, chmod(file, 0o444) == 0 else {
                    throw FileCall.failure("writing", file)
                }
                try FileCall.synchronise(file)
                let bytes = Int64(try FileCall.status(of: file).st_size)
                return try cache.publish(staged, digest: digest, name: name, bytes: bytes, now: date)
            } catch {
                try? cache.remove(staged)
                throw error
            }
        }
        download.discard()
        return folder
    }
}
