import Foundation
import Logging
import ModelManifests
import SafeText
import Transport

/// A repository's commits and manifest files, read through a bare mirror.
///
/// # Guarantees
/// - A commit's files never change. They stay readable after the source was deleted, rewritten or damaged.
/// - A failed call changes nothing: what was read earlier stays available.
/// - Only commits are read. Uncommitted changes in a working tree are not seen.
///
/// # Caveats
/// - Symbolic links are not followed, and submodules are not entered: they are obstacles.
package actor GitRepository {
    /// How many calls may wait for the one that is running.
    package static let maximumWaiting = 64
    /// How many times a source is fetched that does not have what it had a moment ago.
    static let attempts = 3
    /// Fetches of new commits between two garbage collections of the mirror.
    static let fetchesBetweenCollections = 200

    package nonisolated let configuration: GitConfiguration
    let git: GitProgram
    let mirror: GitMirror
    let logger: Logger

    private var lastLook: WantedObject?
    /// What exceeded the limits. It is not fetched again until the source changes.
    private var refused: (wanted: WantedObject, error: GitError)?
    private var current: GitRevision?
    private(set) var snapshot: Snapshot?
    private var fetchesSinceCollection = 0

    struct Snapshot {
        var commit: String
        var files: [String: ManifestFile]
        var plan: TreePlan
    }
    /// Looks come one at a time, in order of arrival: each has its own time limit, so the wait ends.
    private let looks = Turnstile(1, waitingMax: maximumWaiting)

    package init(configuration: GitConfiguration, logger: Logger = Logger(label: "mlctl.git")) {
        self.configuration = configuration
        self.logger = logger
        let environment = GitEnvironment(inherited: configuration.environment, location: configuration.location)
        git = GitProgram(
            environment: environment, location: configuration.location, credentials: configuration.credentials,
            limits: configuration.limits)
        mirror = GitMirror(git: git, directory: configuration.mirrorDirectory, timeouts: configuration.timeouts)
    }

    /// Asks the source what the reference points to now, and fetches it if it is new.
    ///
    /// - Throws: `GitError`, `CancellationError`.
    package func fetch() async throws -> GitRevision {
        try await enter()
        defer { looks.leave() }
        let first = try await look()
        if let current, first == lastLook, mirror.isUsable, !mirror.isShallowWithoutNeed {
            await collectGarbageIfDue()
            let unchanged = GitRevision(commit: current.commit, reference: current.reference, previous: current.commit)
            self.current = unchanged
            return unchanged
        }
        let (wanted, wasForced) = try await bring(first)
        fetchesSinceCollection += 1
        guard let commit = try await mirror.commit(GitMirror.name(of: wanted)) else {
            throw GitError(
                .referenceNotFound,
                "'\(configuration.reference)' in \(configuration.location) is not a commit. Use a branch, tag or "
                    + "commit id."
            )
        }
        try await verify(commit, from: wanted)
        let isForced = if let wasForced { wasForced } else { try await isRewritten(commit, wanted) }
        let revision = GitRevision(
            commit: commit, reference: wanted.reference, previous: current?.commit, isForced: isForced)
        if isForced { logger.warning("history was rewritten", metadata: ["commit": "\(commit)"]) }
        lastLook = wanted
        current = revision
        return revision
    }

    /// The reference's commit in the mirror, without contacting the source. mlctl starts from it when the source is unreachable.
    package func lastFetched() async throws -> GitRevision? {
        guard mirror.isUsable else { return nil }
        var candidates = configuration.reference.candidates
        if case .semver(let range) = configuration.reference {
            guard let tag = range.best(of: try await mirror.tags()) else { return nil }
            candidates = ["refs/tags/\(tag)"]
        }
        let names = candidates.map { WantedObject(reference: $0, id: "") }
        let wanted = names.isEmpty ? [WantedObject(reference: nil, id: configuration.reference.description)] : names
        for candidate in wanted {
            if let commit = try await lastVerified(candidate) {
                return GitRevision(commit: commit, reference: candidate.reference)
            }
        }
        return nil
    }

    /// The `*.yaml` and `*.yml` files under the configured path, by their path within the repository, and everything there
    /// that cannot be seen: links, submodules, a path that does not exist.
    ///
    /// Only files that differ from those of the previous call's commit are read.
    ///
    /// - Parameter commit: a full object id that `fetch` returned.
    /// - Throws: `GitError`, `CancellationError`.
    package func files(at commit: String) async throws -> [String: ManifestFile] {
        try requireObjectID(commit)
        if let snapshot, snapshot.commit == commit { return snapshot.files }
        let read: Snapshot
        do {
            read = try await readFiles(at: commit, acceptsMissing: false)
        } catch let error as GitError where error.code == .damaged {
            logger.warning("the mirror is damaged and is cloned again", metadata: ["error": "\(error.message)"])
            try await repair()
            read = try await readFiles(at: commit, acceptsMissing: true)
        }
        snapshot = read
        return read.files
    }

    /// Whether `commit` is `descendant` or one of its ancestors. False for a commit that was never fetched.
    ///
    /// - Parameters: commit ids, each with at least 4 digits.
    package func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        try requireAbbreviatedID(commit)
        try requireAbbreviatedID(descendant)
        let output = try await git.run(
            ["--git-dir=\(mirror.reader)", "merge-base", "--is-ancestor", commit, descendant],
            timeout: configuration.timeouts.read, task: "Comparing commits")
        switch output.exitCode {
        case 0: return true
        case 1: return false
        default:
            guard try await contains(commit), try await contains(descendant) else { return false }
            throw GitFailure.error(in: output.errors, doing: "Comparing commits", from: configuration.location)
        }
    }

    /// Whether the mirror has the commit.
    package func contains(_ commit: String) async throws -> Bool {
        try requireAbbreviatedID(commit)
        return try await mirror.commit(commit) != nil
    }
}

extension GitRepository {
    private func look() async throws -> WantedObject {
        let look = RemoteLook(git: git, timeout: configuration.timeouts.look)
        do {
            return try await look.find(configuration.reference)
        } catch var error as GitError where error.code == .redirected {
            let target = await look.redirection()
            error.message +=
                " If you trust that address, set the repository's address to \(target.map { "'\($0)'" } ?? "it")."
            throw error
        }
    }

    /// Fetches until the mirror has exactly what the source has. git may report success and leave a reference as it was, and the
    /// source may move while it is fetched. The last attempt is a new clone.
    private func bring(_ first: WantedObject) async throws -> (WantedObject, wasForced: Bool?) {
        var wanted = first
        for attempt in 1..<Self.attempts {
            if attempt > 1 { wanted = try await look() }
            do {
                let wasForced = try await update(to: wanted)
                if try await mirror.has(wanted) { return (wanted, wasForced) }
            } catch let error as GitError where error.code == .changedMeanwhile {
                continue
            }
        }
        wanted = try await look()
        try await mirror.clone(wanted)
        return (wanted, nil)
    }

    private func update(to wanted: WantedObject) async throws -> Bool? {
        if let refused, refused.wanted == wanted { throw refused.error }
        refused = nil
        do {
            return try await mirror.update(to: wanted)
        } catch let error as GitError where error.code == .tooLarge {
            refused = (wanted, error)
            throw error
        }
    }

    private func isRewritten(_ commit: String, _ wanted: WantedObject) async throws -> Bool {
        // A version range may choose another tag. That is another history, not a rewritten one.
        guard let current, current.reference == wanted.reference else { return false }
        return try await !isAncestor(current.commit, of: commit)
    }

    private func readFiles(at commit: String, acceptsMissing: Bool) async throws -> Snapshot {
        if let snapshot, snapshot.files[configuration.path]?.obstacle?.kind != .missingFolder,
            let change = try await changes(from: snapshot.commit, to: commit), !change.needsWholeListing
        {
            var files = snapshot.files
            for path in change.removed { files[path] = nil }
            let entries = change.present.filter { snapshot.plan.includes($0.kind, $0.path) }
            try await files.merge(contents(of: entries, beside: files, acceptsMissing: acceptsMissing)) { $1 }
            // Whether the path exists is only known from a listing.
            if !files.isEmpty { return Snapshot(commit: commit, files: files, plan: snapshot.plan) }
        }
        let listing = try await listing(of: commit)
        var files: [String: ManifestFile] = [:]
        let plan = try await plan(for: listing.entries, &files, acceptsMissing: acceptsMissing)
        let entries = listing.entries.filter { plan.includes($0.kind, $0.path) }
        try await files.merge(contents(of: entries, beside: [:], acceptsMissing: acceptsMissing)) { $1 }
        if listing.isEmpty, !configuration.path.isEmpty {
            files[configuration.path] = ManifestFile(blob: "", obstacle: .missingFolder)
        }
        return Snapshot(commit: commit, files: files, plan: plan)
    }

    /// Reads the `.mlctlignore` files.
    ///
    /// - Parameter files: gets those that cannot be read.
    private func plan(
        for entries: [TreeEntry], _ files: inout [String: ManifestFile], acceptsMissing: Bool
    ) async throws -> TreePlan {
        let own = entries.filter { IgnoreRules.isIgnoreFile(Array($0.path.utf8)) }
        guard !own.isEmpty else { return TreePlan() }
        let texts = try await contents(of: own, beside: [:], acceptsMissing: acceptsMissing)
        let rules = IgnoreFiles(texts)
        files.merge(rules.unreadable) { $1 }
        for problem in rules.rules.problems {
            logger.warning("a pattern is left out", metadata: ["problem": "\(problem)"])
        }
        return TreePlan(ignoring: rules.rules)
    }

    func contents(
        of entries: [TreeEntry], beside kept: [String: ManifestFile], acceptsMissing: Bool
    ) async throws -> [String: ManifestFile] {
        guard kept.count + entries.count(where: { $0.kind == .file }) <= configuration.limits.files else {
            throw GitError(
                .tooLarge,
                "\(configuration.location) has more than \(configuration.limits.files) YAML files. Point --path at a "
                    + "smaller folder."
            )
        }
        let readable = entries.filter { $0.kind == .file && $0.hasReadableName }.map(\.id)
        let keptBytes = kept.values.reduce(0) { $0 + ($1.text?.utf8.count ?? 0) }
        let reader = BlobReader(
            git: git, mirror: mirror.reader, timeout: configuration.timeouts.read, isPartial: mirror.isPartial)
        let contents = try await reader.read(readable, room: configuration.limits.snapshotBytes - keptBytes)
        func isMissing(_ id: String) -> Bool {
            guard let file = contents[id] else { return true }
            return file.obstacle?.kind == .lostContent
        }
        if !acceptsMissing, let id = readable.first(where: isMissing) {
            throw GitFailure.damage("missing blob \(id)", doing: "Reading files", from: configuration.location)
        }
        var files: [String: ManifestFile] = [:]
        for entry in entries {
            // Names that differ only in how a letter is composed are one key of a dictionary, but two files.
            let path = files[entry.path] == nil ? entry.path : "\(entry.path) (\(entry.id.prefix(12)))"
            files[path] = ManifestFile(entry, read: contents[entry.id])
        }
        return files
    }

    private func listing(of commit: String) async throws -> (entries: [TreeEntry], isEmpty: Bool) {
        let output = try await tree(["ls-tree", "-r", "-z", "--full-tree", commit])
        guard output.isSuccess else {
            throw GitFailure.damage(output.errors, doing: "Listing files", from: configuration.location)
        }
        let above = Set(ignoreFilesAbove)
        let entries = TreeEntry.entries(ofListing: output.bytes)
        let records = output.bytes.count { $0 == 0 }
        return (entries, records == entries.count { above.contains($0.path) })
    }

    /// The places of `.mlctlignore` files in the folders that contain the configured path.
    private var ignoreFilesAbove: [String] {
        let names = configuration.path.split(separator: "/")
        return names.indices.map { index in
            (names[..<index] + [Substring(IgnoreRules.fileName)]).joined(separator: "/")
        }
    }

    /// Nil if the older commit is no longer available.
    private func changes(from old: String, to new: String) async throws -> TreeChange? {
        let output = try await tree(["diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", old, new])
        return output.isSuccess ? TreeChange(output.bytes) : nil
    }

    private func tree(_ arguments: [String]) async throws -> GitProgram.Output {
        let paths = configuration.path.isEmpty ? [] : ["--", configuration.path] + ignoreFilesAbove
        return try await git.run(
            ["--git-dir=\(mirror.reader)"] + arguments + paths, limit: configuration.limits.listingBytes,
            timeout: configuration.timeouts.read, task: "Listing files")
    }

    private func repair() async throws {
        try await enter()
        defer { looks.leave() }
        lastLook = nil
        try await mirror.clone(look())
    }

    private func collectGarbageIfDue() async {
        guard fetchesSinceCollection >= Self.fetchesBetweenCollections else { return }
        fetchesSinceCollection = 0
        do {
            try await mirror.collectGarbage()
        } catch {
            logger.warning("the mirror could not be packed", metadata: ["error": "\(error)"])
        }
    }

    private func enter() async throws {
        do {
            try await looks.enter()
        } catch is Turnstile.Crowded {
            throw GitError(
                .failed,
                "\(Self.maximumWaiting) checks of \(configuration.location) are already waiting. Try again later.")
        }
    }

    private func requireObjectID(_ text: String) throws {
        guard GitReference.isObjectID(text) else {
            throw GitError(.invalidConfiguration, "'\(text)' is not a full commit id (40 or 64 hex digits).")
        }
    }

    private func requireAbbreviatedID(_ text: String) throws {
        guard (4...64).contains(text.utf8.count), Hex.isHex(text) else {
            throw GitError(.invalidConfiguration, "'\(text)' is not a commit id (4 to 64 hex digits).")
        }
    }
}

extension ManifestFile {
    /// - Parameter read: the content of the entry's blob; nil where git did not print it.
    init(_ entry: TreeEntry, read: ManifestFile?) {
        let obstacle: Obstacle? =
            switch entry.kind {
            case _ where !entry.hasReadableName: .unreadableName
            case .symbolicLink: .symbolicLink
            case .submodule: .submodule
            case .file: TreePlan.original(of: entry.path) == nil ? nil : .anotherForm
            }
        if let obstacle {
            self.init(blob: entry.id, obstacle: obstacle)
        } else {
            self = read ?? ManifestFile(blob: entry.id, obstacle: .lostContent(blob: entry.id))
        }
    }
}

/// What one pass over a repository found.
package struct GitRevision: Hashable, Sendable {
    /// The commit's full object id. It never means anything else.
    package var commit: String
    /// `refs/heads/main`, `refs/tags/v1`; nil for a pinned commit.
    package var reference: String?
    /// What the pass before found; nil at the first.
    package var previous: String?
    /// History was rewritten since the last pass: the commit that was read before is no ancestor of this one.
    package var isForced: Bool

    package init(commit: String, reference: String?, previous: String? = nil, isForced: Bool = false) {
        self.commit = commit
        self.reference = reference
        self.previous = previous
        self.isForced = isForced
    }
}
