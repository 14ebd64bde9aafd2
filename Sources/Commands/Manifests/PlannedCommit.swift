import ArgumentParser
import ControlPorts
import Foundation
import GitSource
import ModelManifests
import Presentation

/// The manifests of a plan, and what is known of those before.
struct PlannedCommit {
    private(set) var files: [ManifestFiles.Entry] = []
    /// Deployments that the earlier commit describes and the planned files do not.
    private(set) var gone: [DeploymentKey: Departure] = [:]
    /// The valid manifests of the earlier commit.
    private(set) var before: [DeploymentKey: ModelDeployment] = [:]
    private(set) var renamedFrom: [DeploymentKey: DeploymentKey] = [:]
    private(set) var movedFrom: [DeploymentKey: String] = [:]
    /// What is not known, and why.
    private(set) var notes: [String] = []
    /// The earlier commit.
    private var base: String?
    /// Whether `base` was given, so that it stands for what serves.
    private(set) var isCompared = false

    var baseText: String? { base.map { "commit \($0.prefix(12))" } }

    /// - Parameters:
    ///   - diff: nil: the files on disk are planned.
    ///   - sources: of the controller that answered; nil where none did.
    /// - Throws: `ValidationError`, `GitError`.
    init(
        paths: [String], diff: CommitRange?, project: ProjectOption, sources: [SourceStatus]?, scratch: URL
    ) async throws {
        var local: LocalRepository?
        do {
            local = try await LocalRepository(around: paths[0], scratch: scratch)
        } catch let error as GitError where diff == nil {
            notes.append("what would be removed: \(error.message)")
        }
        if let diff {
            guard let local else {
                throw GitError(
                    .invalidConfiguration, "\(paths[0]) is in no git repository, so --diff has nothing to compare.")
            }
            try await compare(diff, local, paths, project, sources)
        } else {
            files = try ManifestFiles.read(paths)
            guard let sources, notes.isEmpty else { return }
            try await compare(with: sources, local, paths, project)
        }
    }

    private mutating func compare(
        _ diff: CommitRange, _ local: LocalRepository, _ paths: [String], _ project: ProjectOption,
        _ sources: [SourceStatus]?
    ) async throws {
        let head = try await local.commit(diff.head)
        var base = try await local.commit(diff.base)
        if diff.isSinceParting {
            guard let parting = try await local.mergeBase(base, head) else {
                throw GitError(
                    .referenceNotFound,
                    "\(diff.base) and \(diff.head) have no common ancestor here; fetch more history, or write \(diff.base)..\(diff.head)."
                )
            }
            base = parting
        }
        isCompared = true
        var scope = PlanScope(local: local, paths: paths, head: head)
        scope.siblings = try Self.siblings(project, sources, local)
        let isWhole = try Self.isWhole(local, paths, project, sources)
        let found = try await scope.files(at: head, besides: base, isWhole: isWhole)
        files = found.sorted { $0.key < $1.key }.map { ($0.key, $0.value, ManifestReader.read($0.value, path: $0.key)) }
        try await compare(scope, base, project, isWhole: isWhole)
        if try await local.descent(of: head, from: base) == .unrelated {
            notes.append(
                "whether the controller removes what is missing: \(diff.head) has no history in common with \(diff.base), and it holds "
                    + "what such a commit does not have")
        }
    }

    private mutating func compare(
        with sources: [SourceStatus], _ local: LocalRepository?, _ paths: [String], _ project: ProjectOption
    ) async throws {
        guard let local else {
            notes.append("what would be removed: \(paths[0]) is in no git repository")
            return
        }
        var own: [SourceStatus] = []
        for source in sources where project.project == nil || source.project == project.project {
            guard let commit = source.commit, Self.isRelated(source.path, local.place) else { continue }
            if try await local.contains(commit) { own.append(source) }
        }
        guard own.count == 1, let commit = own[0].commit else {
            notes.append(
                own.isEmpty
                    ? "what would be removed: no commit that the controller has read is in this repository (try 'git fetch')"
                    : "what would be removed: several projects of the controller read these files; give --project and --config"
            )
            return
        }
        var scope = PlanScope(local: local, paths: paths, head: nil)
        scope.siblings = try Self.siblings(project, sources, local)
        try await compare(
            scope, commit, project, isWhole: Self.isWhole(local, paths, project, own))
    }

    private mutating func compare(
        _ scope: PlanScope, _ base: String, _ project: ProjectOption, isWhole: Bool
    ) async throws {
        self.base = base
        let rules = try project.rules
        let earlier = PlanScope.Base(commit: base, files: try await scope.files(at: base))
        let planned = Dictionary(files.map { ($0.path, $0.file) }) { first, _ in first }
        let parsed = Dictionary(files.map { ($0.path, $0.parsed) }) { first, _ in first }
        (gone, before) = try await scope.departures(
            from: earlier, to: planned, parsed, by: rules, isWhole: isWhole, allowsEmpty: try project.allowsEmpty)
        let read = earlier.files.map { ManifestReader.read($1, path: $0) }
        let described = Set(read.flatMap(\.keys))
        let desired = DesiredState.resolve(files: files.map(\.parsed), by: rules)
        let new = desired.deployments.filter { !described.contains($0.key) }
        for key in new.keys {
            movedFrom[key] = try await scope.origin(of: key, base: base)
        }
        func file(_ key: DeploymentKey, in files: [ParsedFile]) -> String? {
            files.first { $0.keys.contains(key) }?.file
        }
        let removed = gone.filter { $0.value == .removed }
        let renames = DeploymentPlan.renames(
            gone: removed.reduce(into: [:]) { $0[$1.key] = (file($1.key, in: read), before[$1.key]?.template) },
            new: new.filter { movedFrom[$0.key] == nil }.reduce(into: [:]) {
                $0[$1.key] = (file($1.key, in: files.map(\.parsed)), $1.value.template)
            })
        for (old, key) in renames {
            let port = before[old]?.endpoint.port
            gone[old] = .renamed(to: key, keepsAddress: port != nil && port == new[key]?.endpoint.port)
            renamedFrom[key] = old
        }
    }

    // MARK: - Which project

    private static func normal(_ path: String?) -> String {
        (path ?? "").split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    /// Whether a project that reads `path` reads the place or something in it. An older controller does not say what it reads.
    private static func isRelated(_ path: String?, _ place: String) -> Bool {
        guard let path else { return true }
        let own = normal(path)
        return ManifestOrigin.isBelow(own, place) || ManifestOrigin.isBelow(place, own)
    }

    /// Whether the paths are all that the project reads.
    private static func isWhole(
        _ local: LocalRepository, _ paths: [String], _ project: ProjectOption, _ sources: [SourceStatus]?
    ) throws -> Bool {
        guard paths.count == 1 else { return false }
        if let own = try project.settings { return ManifestOrigin.isBelow(local.place, normal(own.path)) }
        guard let path = sources?.first(where: { isRelated($0.path, local.place) })?.path else {
            return local.place.isEmpty
        }
        return ManifestOrigin.isBelow(local.place, normal(path))
    }

    /// The other projects that read the same repository: those of the settings, or else of the controller.
    private static func siblings(
        _ project: ProjectOption, _ sources: [SourceStatus]?, _ local: LocalRepository
    ) throws -> [PlanScope.Sibling] {
        if let own = try project.settings {
            return try project.allProjects.filter { $0.repo == own.repo && $0.name != own.name }
                .map { PlanScope.Sibling(name: $0.name, path: normal($0.path)) }
        }
        let known = (sources ?? []).filter { $0.path != nil && $0.project != nil }
        guard let own = known.first(where: { ManifestOrigin.isBelow(normal($0.path), local.place) }) else { return [] }
        return known.filter { $0.repo == own.repo && $0.project != own.project }
            .map { PlanScope.Sibling(name: $0.project ?? "", path: normal($0.path)) }
    }
}
