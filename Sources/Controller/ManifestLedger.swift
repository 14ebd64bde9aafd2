import ControlPorts
import Foundation
import ModelManifests

/// What git wants of each deployment, carried from one commit to the next. Only files whose blob changed are parsed again.
///
/// When in doubt it holds. A file that cannot be read keeps everything that was last read from it. A deployment counts as removed
/// only if the place where it was last read is visible and does not describe it: see `ManifestAbsence`.
package struct ManifestLedger {
    package enum Wish: Equatable {
        case manifest(ModelDeployment)
        /// Unknown or invalid: the deployment stays as it was last wanted.
        case held
        case removed
    }

    package struct Absorbed {
        /// Deployments whose wish has changed.
        package var changed: Set<DeploymentKey>
        /// Why something was held, and what to do; nil if nothing was.
        package var warning: String?
    }

    private struct KnownFile {
        var blob: String
        var parsed: ParsedFile
    }

    /// How many files one task parses: enough to outweigh the cost of a task.
    static let filesPerTask = 256

    package private(set) var commit = ""
    /// The commit of the files that it knows, also where that was read before a restart.
    private var filesCommit = ""
    package private(set) var diagnostics: [Diagnostic] = []
    private var files: [String: KnownFile] = [:]
    private var desired = DesiredState()
    private var wishes: [DeploymentKey: Wish] = [:]
    /// Where deployments were last read that no file describes any more.
    private var lastPlaces: [DeploymentKey: ManifestAbsence.LastPlace] = [:]
    /// Deployments that no file describes and that are held nevertheless, with the reason.
    package private(set) var absences: [DeploymentKey: ManifestAbsence] = [:]
    /// Reverse dependencies. Computed once per commit, so that no pass has to search all deployments.
    private(set) var dependents: [DeploymentKey: [DeploymentKey]] = [:]

    package init() {}

    /// All deployments that git mentions, valid or not.
    package private(set) var keys: Set<DeploymentKey> = []
    /// The number of further problems that `diagnostics` does not list.
    package var leftOut: Int { desired.leftOut }
    /// Ports of this machine that deployments of this commit have or keep.
    package var ports: [DeploymentKey: Set<Int>] { desired.ports }
    /// The runtimes that the files define.
    package var runtimeNames: Set<String> { desired.runtimeNames }

    package func wants(_ key: DeploymentKey) -> Bool { keys.contains(key) }

    /// The file that describes a deployment; nil where none does.
    package func file(of key: DeploymentKey) -> String? { desired.file(of: key) }

    /// What a deployment would ask for if a file had another text; nil where that would be invalid.
    package func template(
        of key: DeploymentKey, ifFile path: String, hadText text: String, by rules: ProjectRules
    ) -> ServingTemplate? {
        var parsed = files.mapValues(\.parsed)
        parsed[path] = ManifestReader.read(text, file: path)
        return DesiredState.resolve(files: Array(parsed.values), reusing: desired, by: rules).deployments[key]?.template
    }

    /// The place of a deployment's field in its file, or of the deployment itself.
    package func place(of key: DeploymentKey, _ path: String) -> Diagnostic? { desired.place(of: key, path) }

    /// The commands of check gates, as in git now or when git could last be read.
    package private(set) var checks: [DeploymentKey: Set<CheckGate>] = [:]

    /// Deployments whose model files can change without a commit.
    var mutableModels: Set<DeploymentKey> {
        Set(
            wishes.compactMap { key, wish in
                guard case .manifest(let deployment) = wish else { return nil }
                let model = deployment.template.model
                return model.storageURI != nil && model.digest == nil ? key : nil
            })
    }

    func wish(for key: DeploymentKey) -> Wish {
        wishes[key] ?? (commit.isEmpty ? .held : .removed)
    }

    /// Parses new and changed files in parallel.
    ///
    /// - Throws: `CancellationError`.
    package func parseNew(in snapshot: ManifestSnapshot) async throws -> [String: ParsedFile] {
        let new = snapshot.files.filter { files[$0.key]?.blob != $0.value.blob }.map { ($0.key, $0.value) }
        return try await withThrowingTaskGroup(of: [(String, ParsedFile)].self) { group in
            for start in stride(from: 0, to: new.count, by: Self.filesPerTask) {
                let part = new[start..<min(start + Self.filesPerTask, new.count)]
                group.addTask {
                    try part.map { path, file in
                        try Task.checkCancellation()
                        return (path, Self.parse(file, path: path))
                    }
                }
            }
            var parsed: [String: ParsedFile] = [:]
            for try await part in group { parsed.merge(part) { _, new in new } }
            return parsed
        }
    }

    private static func parse(_ file: ManifestFile, path: String) -> ParsedFile {
        ManifestReader.read(file, path: path)
    }

    /// Takes in the commit that was read before a restart, only to know where each deployment was described. It asks for nothing.
    package mutating func recall(_ snapshot: ManifestSnapshot, parsed: [String: ParsedFile], by rules: ProjectRules) {
        takeFiles(snapshot, parsed)
        filesCommit = snapshot.commit
        desired = DesiredState.resolve(files: files.values.map(\.parsed), by: rules)
    }

    /// Those of the given deployments that a commit does not describe, with where they were described before.
    func missing(
        _ known: Set<DeploymentKey>, in snapshot: ManifestSnapshot, parsed: [String: ParsedFile]
    ) -> [DeploymentKey: RemovalReview.LastSeen] {
        var missing = known
        for path in snapshot.files.keys {
            guard !missing.isEmpty, let file = parsed[path]?.holding(files[path]?.parsed) ?? files[path]?.parsed else {
                continue
            }
            missing.subtract(file.keys)
            missing.subtract(file.held.keys)
        }
        var heldIn: [DeploymentKey: String] = [:]
        for (path, file) in files { for key in file.parsed.held.keys { heldIn[key] = path } }
        return missing.reduce(into: [:]) { found, key in
            if let file = desired.file(of: key) ?? heldIn[key] {
                found[key] = RemovalReview.LastSeen(commit: filesCommit, file: file)
            } else {
                found[key] = RemovalReview.LastSeen(commit: lastPlaces[key]?.readAt, file: lastPlaces[key]?.file)
            }
        }
    }

    /// Whether the ports that were assigned before count. Those of a recalled commit, and those that were assigned before the
    /// records were found, may have gone to another deployment than the one that serves there.
    private func mayReuse(_ reserved: ReservedPorts) -> Bool {
        guard !commit.isEmpty else { return false }
        return !desired.invalid.contains { key in
            reserved.holders.contains { port, holder in holder == key && desired.ports[key]?.contains(port) != true }
        }
    }

    private mutating func takeFiles(_ snapshot: ManifestSnapshot, _ parsed: [String: ParsedFile]) {
        let previous = files
        files = files.filter { snapshot.files[$0.key] != nil }
        for (path, file) in parsed {
            files[path] = KnownFile(
                blob: snapshot.files[path]?.blob ?? "", parsed: file.holding(previous[path]?.parsed))
        }
    }

    /// - Parameters:
    ///   - known: deployments with a record: only those can be removed.
    ///   - reserved: ports that no endpoint can use, and the current holders of ports.
    ///   - rules: what the project is allowed to do.
    package mutating func absorb(
        _ snapshot: ManifestSnapshot, parsed: [String: ParsedFile], known: Set<DeploymentKey>, allowsEmpty: Bool,
        reserved: ReservedPorts = ReservedPorts(), by rules: ProjectRules = .open
    ) -> Absorbed {
        absorb(
            snapshot, parsed: parsed, known: known, doubts: [:], allowsEmpty: allowsEmpty, reserved: reserved, by: rules
        )
    }

    /// - Parameter doubts: of deployments that the commit does not describe: why that does not mean that they were removed.
    mutating func absorb(
        _ snapshot: ManifestSnapshot, parsed: [String: ParsedFile], known: Set<DeploymentKey>,
        doubts: [DeploymentKey: RemovalDoubt], allowsEmpty: Bool, reserved: ReservedPorts, by rules: ProjectRules
    ) -> Absorbed {
        let (filesBefore, desiredBefore) = (files, desired)
        takeFiles(snapshot, parsed)
        desired = DesiredState.resolve(
            files: files.values.map(\.parsed), reusing: mayReuse(reserved) ? desired : nil, reserved: reserved,
            by: rules)
        var next = desired.deployments.mapValues { Wish.manifest($0) }
        for key in desired.invalid { next[key] = .held }
        noteLastPlaces(next, filesBefore, desiredBefore, known: known, snapshot)
        filesCommit = snapshot.commit
        let missing = known.filter { next[$0] == nil }
        absences = findAbsences(of: missing, at: snapshot.commit, doubts, allowsEmpty: allowsEmpty)
        for key in missing { next[key] = absences[key] == nil ? .removed : .held }
        let warning = ManifestAbsence.warning(absences)

        let before = wishes
        // One look at each: most of ten thousand are as they were.
        var changed: Set<DeploymentKey> = []
        for (key, wish) in next where before[key] != wish { changed.insert(key) }
        for key in before.keys where next[key] == nil { changed.insert(key) }
        // Its record says where its manifest is.
        for key in next.keys where desired.file(of: key) != desiredBefore.file(of: key) { changed.insert(key) }
        (wishes, commit, diagnostics) = (next, snapshot.commit, desired.diagnostics)
        if !checks.isEmpty { checks = checks.filter { next[$0.key] == .held } }
        for (key, deployment) in desired.deployments {
            let own = deployment.rollout.gates.compactMap { gate in
                if case .check(let check) = gate.kind { check } else { nil }
            }
            if !own.isEmpty || checks[key] != nil { checks[key] = own.isEmpty ? nil : Set(own) }
        }
        for key in changed {
            if next[key, default: .removed] == .removed { keys.remove(key) } else { keys.insert(key) }
        }
        dependents = desired.deployments.reduce(into: [:]) { dependents, deployment in
            for key in deployment.value.dependsOn { dependents[key, default: []].append(deployment.key) }
        }
        return Absorbed(changed: changed, warning: warning)
    }

    /// Adds deployments whose records were found after the commit was read. Those that it does not describe are held until the
    /// repository is read again.
    ///
    /// - Returns: why they are held; nil if there are none.
    mutating func meet(_ known: Set<DeploymentKey>, allowsEmpty: Bool) -> String? {
        guard !commit.isEmpty else { return nil }
        let missing = known.filter { wishes[$0] == nil }
        let doubts = missing.reduce(into: [:]) { $0[$1] = RemovalDoubt.notReviewed }
        let found = findAbsences(of: missing, at: commit, doubts, allowsEmpty: allowsEmpty)
        absences.merge(found) { $1 }
        for key in missing {
            wishes[key] = found[key] == nil ? .removed : .held
            if found[key] != nil { keys.insert(key) }
        }
        return ManifestAbsence.warning(found)
    }

    /// Notes where the deployments were that this commit does not describe any more.
    private mutating func noteLastPlaces(
        _ next: [DeploymentKey: Wish], _ filesBefore: [String: KnownFile], _ desiredBefore: DesiredState,
        known: Set<DeploymentKey>, _ snapshot: ManifestSnapshot
    ) {
        lastPlaces = lastPlaces.filter { known.contains($0.key) && next[$0.key] == nil }
        var vanished: [DeploymentKey: String] = [:]
        for key in desiredBefore.describedKeys where next[key] == nil { vanished[key] = desiredBefore.file(of: key) }
        for (path, file) in filesBefore {
            for key in file.parsed.held.keys where next[key] == nil && vanished[key] == nil { vanished[key] = path }
        }
        guard !vanished.isEmpty else { return }
        // A deployment may have been moved into what cannot be read since the same commit: a file that was meant for mlctl, or a
        // link, a template or an encrypted file that is named after its manifest.
        let hidden = files.filter { path, file in
            file.parsed.unreadable != nil
                && (filesBefore[path]?.parsed.unreadable == nil || filesBefore[path]?.parsed.isSilent == true)
        }
        let suspects = hidden.filter { !$0.value.parsed.isSilent }
        let silent = hidden.filter { $0.value.parsed.isSilent && filesBefore[$0.key] == nil }.keys
        for (key, file) in vanished where lastPlaces[key] == nil {
            let own = suspects.keys.filter { path in
                Self.mayDescribe(key, path, before: filesBefore[path]?.parsed, now: snapshot.files[path])
            }
            lastPlaces[key] = ManifestAbsence.LastPlace(
                file: file, since: snapshot.commit, readAt: filesCommit,
                suspects: Set(own).union(silent.filter { TreePlan.isNamed($0, after: file) }))
        }
    }

    /// Whether a deployment may have been moved into a file that cannot be read now. A file that described other deployments before
    /// is most likely still about those: its text must name this one.
    private static func mayDescribe(
        _ key: DeploymentKey, _ path: String, before: ParsedFile?, now: ManifestFile?
    ) -> Bool {
        guard let before, before.unreadable == nil, !before.keys.isEmpty else { return true }
        return now?.text?.contains(key.name) ?? false
    }

    private func findAbsences(
        of missing: Set<DeploymentKey>, at commit: String, _ doubts: [DeploymentKey: RemovalDoubt], allowsEmpty: Bool
    ) -> [DeploymentKey: ManifestAbsence] {
        guard !missing.isEmpty else { return [:] }
        let hidden = files.values.compactMap { file in
            file.parsed.unreadable.map {
                ManifestAbsence.Hidden(
                    path: file.parsed.file, coversBelow: file.parsed.coversBelow, reason: $0)
            }
        }.sorted { $0.path < $1.path }
        let isEmpty = desired.deployments.isEmpty && desired.invalid.isEmpty && !allowsEmpty
        return missing.reduce(into: [:]) { absences, key in
            absences[key] = ManifestAbsence.of(
                key, lastPlace: lastPlaces[key], at: commit, hidden: hidden, isEmpty: isEmpty, doubt: doubts[key])
        }
    }
}
