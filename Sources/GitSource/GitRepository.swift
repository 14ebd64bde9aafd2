import Foundation
import Logging
import ModelManifests
import SafeText
import Transport

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

/// A repository's commits and manifest files, read through a bare mirror.
///
/// # Guarantees
/// - A commit's files never change. They stay readable after the source was deleted, rewritten or damaged.
/// - A failed call changes nothing: what was read earlier stays available.
/// - Only commits are read. Uncommitted changes in a working tree are not seen.
///
/// # Caveats
/// - Symbolic links to folders are not followed, and submodules are not entered.
package actor GitRepository {
    /// How many calls may wait for the one that is running.
    package static let maximumWaiting = 64
    /// Fetches of new commits between two garbage collections of the mirror.
    static let fetchesBetweenCollections = 200

    package nonisolated let configuration: GitConfiguration
    private let git: GitProgram
    private let mirror: GitMirror
    private let logger: Logger

    private var lastLook: WantedObject?
    /// What exceeded the limits. It is not fetched again until the source changes.
    private var refused: (wanted: WantedObject, error: GitError)?
    private var current: GitRevision?
    private var snapshot: (commit: String, files: [String: ManifestFile])?
    private var fetchesSinceCollection = 0
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
        let wanted = try await look()
        if let current, wanted == lastLook, mirror.isUsable {
            await collectGarbageIfDue()
            let unchanged = GitRevision(commit: current.commit, reference: current.reference, previous: current.commit)
            self.current = unchanged
            return unchanged
        }
        let wasForced = try await update(to: wanted)
        fetchesSinceCollection += 1
        guard let commit = try await mirror.commit(GitMirror.name(of: wanted)) else {
            throw GitError(
                .referenceNotFound,
                "'\(configuration.reference)' in \(configuration.location) is not a commit. Use a branch, tag or "
                    + "commit id."
            )
        }
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
            if let commit = try await mirror.commit(GitMirror.name(of: candidate)) {
                return GitRevision(commit: commit, reference: candidate.reference)
            }
        }
        return nil
    }

    /// The `*.yaml` and `*.yml` files under the configured path, by their path within the repository.
    ///
    /// Only files that differ from those of the previous call's commit are read.
    ///
    /// - Parameter commit: a full object id that `fetch` returned.
    /// - Throws: `GitError`, `CancellationError`.
    package func files(at commit: String) async throws -> [String: ManifestFile] {
        try requireObjectID(commit)
        if let snapshot, snapshot.commit == commit { return snapshot.files }
        let files: [String: ManifestFile]
        do {
            files = try await readFiles(at: commit, acceptsMissing: false)
        } catch let error as GitError where error.code == .damaged {
            logger.warning("the mirror is damaged and is cloned again", metadata: ["error": "\(error.message)"])
            try await repair()
            files = try await readFiles(at: commit, acceptsMissing: true)
        }
        snapshot = (commit, files)
        return files
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

    private func readFiles(at commit: String, acceptsMissing: Bool) async throws -> [String: ManifestFile] {
        var files: [String: ManifestFile] = [:]
        let entries: [TreeEntry]
        if let snapshot, let change = try await changes(from: snapshot.commit, to: commit) {
            files = snapshot.files
            for path in change.removed { files[path] = nil }
            entries = change.present
        } else {
            entries = try await listing(of: commit)
        }
        guard files.count + entries.count <= configuration.limits.files else {
            throw GitError(
                .tooLarge,
                "\(configuration.location) has more than \(configuration.limits.files) YAML files. Point --path at a "
                    + "smaller folder."
            )
        }
        let readable = entries.filter { $0.kind == .file && $0.hasReadableName }.map(\.id)
        let kept = files.values.reduce(0) { $0 + ($1.text?.utf8.count ?? 0) }
        let reader = BlobReader(
            git: git, mirror: mirror.reader, timeout: configuration.timeouts.read, isPartial: mirror.isPartial)
        let contents = try await reader.read(readable, room: configuration.limits.snapshotBytes - kept)
        if !acceptsMissing, let id = readable.first(where: { (contents[$0] ?? .missing) == .missing }) {
            throw GitFailure.damage("missing blob \(id)", doing: "Reading files", from: configuration.location)
        }
        for entry in entries { files[entry.path] = ManifestFile(entry, content: contents[entry.id] ?? .missing) }
        return files
    }

    private func listing(of commit: String) async throws -> [TreeEntry] {
        let output = try await tree(["ls-tree", "-r", "-z", "--full-tree", commit])
        guard output.isSuccess else {
            throw GitFailure.damage(output.errors, doing: "Listing files", from: configuration.location)
        }
        return TreeEntry.entries(ofListing: output.bytes)
    }

    /// Nil if the older commit is no longer available.
    private func changes(from old: String, to new: String) async throws -> TreeChange? {
        let output = try await tree(["diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", old, new])
        return output.isSuccess ? TreeChange(output.bytes) : nil
    }

    private func tree(_ arguments: [String]) async throws -> GitProgram.Output {
        let paths = configuration.path.isEmpty ? [] : ["--", configuration.path]
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
    init(_ entry: TreeEntry, content: BlobReader.Content) {
        let problem: String? =
            switch (entry.kind, content) {
            case _ where !entry.hasReadableName: "The file's name is not UTF-8. Rename it."
            case (.symbolicLink, _): "The file is a symbolic link, which is not followed. Commit the file itself."
            case (.submodule, _): "This is a submodule, which is not entered. Commit the files themselves."
            case (.file, .text): nil
            case (.file, .problem(let problem)): problem
            case (.file, .missing):
                "The repository has lost the file's content (blob \(entry.id)). Run 'git fsck' in it, and "
                    + "commit it again."
            }
        if problem == nil, case .text(let text) = content {
            self.init(blob: entry.id, text: text)
        } else {
            self.init(blob: entry.id, text: nil, problem: problem)
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
