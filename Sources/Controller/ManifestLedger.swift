import ControlPorts
import Foundation
import ModelManifests

/// What git wants of each deployment, carried from one commit to the next. Only files whose blob changed are parsed again.
///
/// When in doubt it holds. A file that cannot be read keeps everything that was last read from it. As long as the content of some
/// file is unknown, no deployment counts as removed.
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
        /// It could never be read, so its content is unknown.
        var isUnknown: Bool
    }

    /// How many files one task parses: enough to outweigh the cost of a task.
    static let filesPerTask = 256

    package private(set) var commit = ""
    package private(set) var diagnostics: [Diagnostic] = []
    private var files: [String: KnownFile] = [:]
    private var desired = DesiredState()
    private var wishes: [DeploymentKey: Wish] = [:]
    /// Whether every file of the commit could be read: deployments that are in none of them are not wanted.
    private var isCertain = false
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
        guard let text = file.text else {
            return ParsedFile(file: path, problem: file.problem ?? "the file cannot be read")
        }
        return ManifestReader.read(text, file: path)
    }

    /// - Parameters:
    ///   - known: deployments with a record: only those can be removed.
    ///   - reserved: ports that no endpoint can use, and the current holders of ports.
    ///   - rules: what the project is allowed to do.
    package mutating func absorb(
        _ snapshot: ManifestSnapshot, parsed: [String: ParsedFile], known: Set<DeploymentKey>, allowsEmpty: Bool,
        reserved: ReservedPorts = ReservedPorts(), by rules: ProjectRules = .open
    ) -> Absorbed {
        let previous = files
        files = files.filter { snapshot.files[$0.key] != nil }
        for (path, file) in parsed {
            files[path] = KnownFile(
                blob: snapshot.files[path]?.blob ?? "", parsed: file.holding(previous[path]?.parsed),
                isUnknown: file.unreadable != nil && !file.diagnostics.isEmpty && previous[path]?.isUnknown != false)
        }
        desired = DesiredState.resolve(
            files: files.values.map(\.parsed), reusing: desired, reserved: reserved, by: rules)
        var next = desired.deployments.mapValues { Wish.manifest($0) }
        for key in desired.invalid { next[key] = .held }
        isCertain =
            desired.diagnostics.allSatisfy { $0.deployment != nil }
            && !files.values.contains(where: \.isUnknown)
        let missing = known.filter { next[$0] == nil }
        let warning = reasonToHold(missing, allowsEmpty: allowsEmpty)
        for key in missing { next[key] = warning == nil ? .removed : .held }

        let before = wishes
        // One look at each: most of ten thousand are as they were.
        var changed: Set<DeploymentKey> = []
        for (key, wish) in next where before[key] != wish { changed.insert(key) }
        for key in before.keys where next[key] == nil { changed.insert(key) }
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

    /// Adds deployments whose records were found after the commit was read. They count as removed, or are held, by the same rule
    /// as those that were known before.
    ///
    /// - Returns: why they are held, and what to do; nil if they are not.
    mutating func meet(_ known: Set<DeploymentKey>, allowsEmpty: Bool) -> String? {
        guard !commit.isEmpty else { return nil }
        let missing = known.filter { wishes[$0] == nil }
        let warning = reasonToHold(missing, allowsEmpty: allowsEmpty)
        for key in missing {
            wishes[key] = warning == nil ? .removed : .held
            if warning != nil { keys.insert(key) }
        }
        return warning
    }

    private func reasonToHold(_ missing: Set<DeploymentKey>, allowsEmpty: Bool) -> String? {
        guard !missing.isEmpty else { return nil }
        if !isCertain {
            return "some files cannot be read, so no deployment counts as removed: correct them ('mlctl validate')"
        }
        if desired.deployments.isEmpty, desired.invalid.isEmpty, !allowsEmpty {
            return "the commit contains no ModelDeployment: all deployments stay as they are. "
                + "To remove all of them, start the controller with --allow-empty"
        }
        return nil
    }
}
