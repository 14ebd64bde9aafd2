import ControlAPI
import ControlPorts
import Controller
import Foundation
import GitSource
import ModelManifests
import Presentation

/// What a plan is compared with: the manifests of an earlier commit, at the same places.
///
/// That is the commit that the user names, or the one that the controller has read, if it is in the same repository. What the
/// commit describes and the planned files do not is decided by the controller's own code (`ManifestLedger`).
struct PlanScope {
    /// A commit that is compared, with its manifests under the names that the user sees.
    struct Base {
        var commit: String
        var files: [String: ManifestFile]
    }

    /// Another project that reads the same repository.
    struct Sibling: Hashable {
        var name: String
        var path: String
    }

    let local: LocalRepository
    let paths: [String]
    /// The commit whose manifests are planned; nil: the files on disk.
    let head: String?
    var siblings: [Sibling] = []

    /// The files of a commit below each path, with the path as the user wrote it before them.
    func files(at commit: String) async throws -> [String: ManifestFile] {
        var found: [String: ManifestFile] = [:]
        for path in paths {
            let place = try place(of: path)
            for (name, file) in try await local.files(at: commit, below: place) {
                found[Self.shown(name, place: place, as: path)] = file
            }
        }
        return found
    }

    /// The files of the later commit. A path that only the earlier one has is empty: git keeps no empty folders. The controller
    /// holds everything where that is the whole folder of a project, so it remains an obstacle then.
    ///
    /// - Throws: `GitError` where neither commit has a path.
    func files(at commit: String, besides base: String, isWhole: Bool) async throws -> [String: ManifestFile] {
        func isMissing(_ file: ManifestFile) -> Bool { file.obstacle?.kind == .missingFolder }
        let files = try await files(at: commit)
        let missing = Set(files.filter { isMissing($1) }.keys)
        guard !missing.isEmpty else { return files }
        let before = try await self.files(at: base)
        for path in missing.sorted() where before[path].map(isMissing) == true {
            throw GitError(.invalidConfiguration, "\(path) is in neither of the two commits.")
        }
        return isWhole ? files : files.filter { !missing.contains($0.key) }
    }

    /// `deploy/a.yaml` of a repository, where the user wrote `../deploy` for its `deploy`, is `../deploy/a.yaml`.
    static func shown(_ name: String, place: String, as path: String) -> String {
        if name == place { return path }
        let rest = place.isEmpty ? name : String(name.dropFirst(place.count + 1))
        return (path as NSString).appendingPathComponent(rest)
    }

    /// The path within the repository.
    ///
    /// - Throws: `GitError` where it is outside.
    private func place(of path: String) throws -> String {
        let full = URL(filePath: try GitLocation(path).address).resolvingSymlinksInPath().path
        let top = URL(filePath: local.folder).resolvingSymlinksInPath().path
        guard full == top || full.hasPrefix(top + "/") else {
            throw GitError(.invalidConfiguration, "\(path) is not in the repository \(local.folder).")
        }
        return full == top ? "" : String(full.dropFirst(top.count + 1))
    }

    /// What becomes of the deployments of the base that the planned files do not describe.
    ///
    /// - Parameters:
    ///   - isWhole: the paths are all that the project reads.
    func departures(
        from base: Base, to planned: [String: ManifestFile], _ parsed: [String: ParsedFile], by rules: ProjectRules,
        isWhole: Bool, allowsEmpty: Bool
    ) async throws -> (gone: [DeploymentKey: Departure], before: [DeploymentKey: ModelDeployment]) {
        let earlier = ManifestSnapshot(commit: base.commit, files: base.files)
        let next = ManifestSnapshot(commit: head ?? "planned", files: planned)
        var ledger = ManifestLedger()
        let known = ManifestLedger()
        let read = try await known.parseNew(in: earlier)
        ledger.recall(earlier, parsed: read, by: rules)
        let described = Set(read.values.flatMap(\.keys))
        _ = ledger.absorb(
            next, parsed: parsed, known: described, allowsEmpty: allowsEmpty || !isWhole, reserved: ReservedPorts(),
            by: rules)
        let before = DesiredState.resolve(files: Array(read.values), by: rules).deployments
        var gone: [DeploymentKey: Departure] = [:]
        for key in described where !parsed.values.contains(where: { $0.keys.contains(key) }) {
            if let absence = ledger.absences[key] {
                gone[key] = .kept(reason: absence.reason, remedy: absence.remedy)
            } else if let held = ledger.diagnostics.first(where: { $0.deployment == key }) {
                gone[key] = .kept(reason: held.description, remedy: held.suggestion ?? "")
            } else {
                gone[key] = .removed
            }
        }
        for (key, departure) in gone where departure == .removed {
            if let sibling = try await project(describing: key) { gone[key] = .moved(toProject: sibling) }
        }
        return (gone, before)
    }

    /// Another project of the repository that describes a deployment in the planned commit.
    private func project(describing key: DeploymentKey) async throws -> String? {
        for sibling in siblings {
            let files = try await files(of: sibling, at: head)
            if files.contains(where: { ManifestReader.read($1, path: $0).keys.contains(key) }) { return sibling.name }
        }
        return nil
    }

    /// The other project from which a deployment comes: it described it in the base, and does not any more.
    func origin(of key: DeploymentKey, base: String) async throws -> String? {
        for sibling in siblings {
            func describes(_ files: [String: ManifestFile]) -> Bool {
                files.contains { ManifestReader.read($1, path: $0).keys.contains(key) }
            }
            if describes(try await files(of: sibling, at: base)), !describes(try await files(of: sibling, at: head)) {
                return sibling.name
            }
        }
        return nil
    }

    private func files(of sibling: Sibling, at commit: String?) async throws -> [String: ManifestFile] {
        if let commit { return try await local.files(at: commit, below: sibling.path) }
        let folder = sibling.path.isEmpty ? local.folder : "\(local.folder)/\(sibling.path)"
        guard FileManager.default.fileExists(atPath: folder) else { return [:] }
        return try FolderTree(folder, maximumFiles: ManifestFiles.maximumFiles).files
    }
}

/// `BASE..HEAD`, or `BASE...HEAD` for what HEAD changed since it left BASE.
struct CommitRange: Hashable {
    var base: String
    var head: String
    /// Whether the base is the commit at which both histories parted.
    var isSinceParting: Bool

    /// - Returns: nil where the text has another form.
    init?(_ text: String) {
        let dots = text.contains("...") ? "..." : ".."
        guard let range = text.range(of: dots) else { return nil }
        (base, head) = (String(text[..<range.lowerBound]), String(text[range.upperBound...]))
        if head.isEmpty { head = "HEAD" }
        isSinceParting = dots == "..."
        guard !base.isEmpty, ![base, head].contains(where: { $0.hasPrefix("-") || $0.contains("..") }) else {
            return nil
        }
    }
}
