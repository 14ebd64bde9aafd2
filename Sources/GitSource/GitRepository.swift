import Foundation
import Logging

/// What a repository is read with.
public struct GitConfiguration: Sendable {
    public var location: GitLocation
    public var reference: GitReference
    /// The folder (or file) within the repository whose manifests are read; "" for all.
    public var path: String
    /// Ours alone: the bare mirror is kept here.
    public var mirrorDirectory: String
    /// Besides what the address, git's helpers and git's configuration hold; for `https:` only.
    public var credentials: GitCredentialSource?
    public var timeouts: GitTimeouts
    public var limits: GitLimits
    /// Of which only what git needs is handed on.
    public var environment: [String: String]

    /// - Parameter reference: the name of a branch or tag, or a full commit id.
    /// - Throws: `GitError` with `invalidConfiguration`.
    public init(
        url: String, reference: String, path: String = ".", mirrorDirectory: String,
        credentials: GitCredentialSource? = nil, timeouts: GitTimeouts = GitTimeouts(), limits: GitLimits = GitLimits(),
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(GitError) {
        try self.init(
            url: url, reference: GitReference(reference), path: path, mirrorDirectory: mirrorDirectory,
            credentials: credentials, timeouts: timeouts, limits: limits, environment: environment)
    }

    /// - Throws: `GitError` with `invalidConfiguration`.
    public init(
        url: String, reference: GitReference, path: String = ".", mirrorDirectory: String,
        credentials: GitCredentialSource? = nil, timeouts: GitTimeouts = GitTimeouts(), limits: GitLimits = GitLimits(),
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(GitError) {
        location = try GitLocation(url)
        guard credentials == nil || location.transport == .https else {
            throw GitError(
                .invalidConfiguration,
                "\(location) takes no credentials from a file: that is for https: alone. Use an https: address, or leave "
                    + "the file out.")
        }
        self.reference = reference
        self.path = try Self.normal(path)
        self.mirrorDirectory = URL(fileURLWithPath: mirrorDirectory).standardizedFileURL.path
        self.credentials = credentials
        self.timeouts = timeouts
        self.limits = limits
        self.environment = environment
    }

    /// `./deploy/` is `deploy`.
    private static func normal(_ path: String) throws(GitError) -> String {
        // By bytes: Swift takes a slash with a combining mark for another character.
        let parts = path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
            .filter { $0 != "." }
        guard path.utf8.first != UInt8(ascii: "/"), !parts.contains(".."), !path.utf8.contains(0) else {
            throw GitError(
                .invalidConfiguration,
                "'\(path)' is not a folder within the repository. Give one such as 'deploy/models'.")
        }
        return parts.joined(separator: "/")
    }
}

/// A repository's commits and manifest files, by way of a bare mirror.
///
/// # Guarantees
/// - A commit's files never change, and stay readable after the source is gone, rewritten or damaged.
/// - A failing call changes nothing: what was read before stays as it is.
/// - Only commits are read: changes of a working tree that are not committed are not seen.
///
/// # Caveats
/// - Symbolic links to folders, and submodules, are not entered.
public actor GitRepository {
    /// Looks that may wait for one that is under way.
    public static let maximumWaiting = 64
    /// New commits between two times of packing the mirror.
    static let fetchesBetweenCollections = 200

    public nonisolated let configuration: GitConfiguration
    private let git: GitProgram
    private let mirror: GitMirror
    private let logger: Logger

    private var lastLook: WantedObject?
    /// What is over the limits is not fetched again before the source has something else.
    private var refused: (wanted: WantedObject, error: GitError)?
    private var current: GitRevision?
    private var snapshot: (commit: String, files: [String: GitFile])?
    private var fetchesSinceCollection = 0
    private var isLooking = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    public init(configuration: GitConfiguration, logger: Logger = Logger(label: "mlctl.git")) {
        self.configuration = configuration
        self.logger = logger
        let environment = GitEnvironment(inherited: configuration.environment, location: configuration.location)
        git = GitProgram(
            environment: environment, location: configuration.location, credentials: configuration.credentials,
            limits: configuration.limits)
        mirror = GitMirror(git: git, directory: configuration.mirrorDirectory, timeouts: configuration.timeouts)
    }

    /// Looks at the source now, and fetches what is new.
    ///
    /// - Throws: `GitError`, `CancellationError`.
    public func fetch() async throws -> GitRevision {
        try await enter()
        defer { leave() }
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
                "'\(configuration.reference)' in \(configuration.location) is no commit. Name a branch, tag or "
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

    /// What the mirror has of the reference, without asking the source: where to start when the source is away.
    public func lastFetched() async throws -> GitRevision? {
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
    /// Only what differs from the last commit asked for is read.
    ///
    /// - Parameter commit: a full object id that `fetch` returned.
    /// - Throws: `GitError`, `CancellationError`.
    public func files(at commit: String) async throws -> [String: GitFile] {
        try requireObjectID(commit)
        if let snapshot, snapshot.commit == commit { return snapshot.files }
        let files: [String: GitFile]
        do {
            files = try await readFiles(at: commit, acceptsMissing: false)
        } catch let error as GitError where error.code == .damaged {
            logger.warning("the mirror is damaged and is made anew", metadata: ["error": "\(error.message)"])
            try await repair()
            files = try await readFiles(at: commit, acceptsMissing: true)
        }
        snapshot = (commit, files)
        return files
    }

    /// Whether `commit` is `descendant` or one of its ancestors. A commit that was never fetched is nobody's ancestor.
    ///
    /// - Parameters: ids of commits, at least 4 digits of each.
    public func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
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
    public func contains(_ commit: String) async throws -> Bool {
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
                " Write \(target.map { "'\($0)'" } ?? "that address") as the repository's address, if you trust it."
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
        // Another tag of a range is another history, and not this one rewritten.
        guard let current, current.reference == wanted.reference else { return false }
        return try await !isAncestor(current.commit, of: commit)
    }

    private func readFiles(at commit: String, acceptsMissing: Bool) async throws -> [String: GitFile] {
        var files: [String: GitFile] = [:]
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
        for entry in entries { files[entry.path] = GitFile(entry, content: contents[entry.id] ?? .missing) }
        return files
    }

    private func listing(of commit: String) async throws -> [TreeEntry] {
        let output = try await tree(["ls-tree", "-r", "-z", "--full-tree", commit])
        guard output.isSuccess else {
            throw GitFailure.damage(output.errors, doing: "Listing files", from: configuration.location)
        }
        return TreeEntry.entries(ofListing: output.bytes)
    }

    /// Nil where the older commit is not there any more.
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
        defer { leave() }
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

    /// Looks come one at a time, in order of arrival: each has its own time limit, so the wait ends.
    private func enter() async throws {
        guard isLooking else {
            isLooking = true
            return
        }
        guard waiting.count < Self.maximumWaiting else {
            throw GitError(
                .failed, "\(Self.maximumWaiting) looks at \(configuration.location) wait already. Try again later.")
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func leave() {
        if waiting.isEmpty { isLooking = false } else { waiting.removeFirst().resume() }
    }

    private func requireObjectID(_ text: String) throws {
        guard GitReference.isObjectID(text) else {
            throw GitError(.invalidConfiguration, "'\(text)' is not a full commit id (40 or 64 hex digits).")
        }
    }

    private func requireAbbreviatedID(_ text: String) throws {
        guard (4...64).contains(text.utf8.count), GitReference.isHex(text) else {
            throw GitError(.invalidConfiguration, "'\(text)' is not a commit id (4 to 64 hex digits).")
        }
    }
}

extension GitFile {
    init(_ entry: TreeEntry, content: BlobReader.Content) {
        blob = entry.id
        guard entry.hasReadableName else {
            problem = "The file's name is not UTF-8. Rename it."
            return
        }
        switch (entry.kind, content) {
        case (.symbolicLink, _): problem = "The file is a symbolic link, which is not followed. Commit the file itself."
        case (.submodule, _): problem = "This is a submodule, which is not entered. Commit the files themselves."
        case (.file, .text(let text)): self.text = text
        case (.file, .problem(let problem)): self.problem = problem
        case (.file, .missing):
            problem =
                "The repository has lost the file's content (blob \(entry.id)). Run 'git fsck' in it, and "
                + "commit it again."
        }
    }
}
