import Foundation
import ModelManifests

/// What git wants of each deployment, from one commit to the next. Only files whose blob changed are parsed again.
///
/// When in doubt it holds: a file that cannot be read holds everything that was last read from it, and as long as it is
/// not known what was in it, nothing is taken for removed.
package struct ManifestLedger {
    package enum Wish: Equatable {
        case manifest(ModelDeployment)
        /// Not known, or not valid: it goes on as it was last wanted.
        case held
        case removed
    }

    package struct Absorbed {
        /// Deployments whose wish is another than before.
        package var changed: Set<DeploymentKey>
        /// Why something was held back, and what to do; nil where nothing was.
        package var warning: String?
    }

    private struct KnownFile {
        var blob: String
        var parsed: ParsedFile
        /// It could never be read: nobody knows what is in it.
        var isUnknown: Bool
    }

    /// Files that one task parses: enough to outweigh the task.
    static let filesPerTask = 256

    package private(set) var commit = ""
    package private(set) var diagnostics: [Diagnostic] = []
    private var files: [String: KnownFile] = [:]
    private var desired = DesiredState()
    private var wishes: [DeploymentKey: Wish] = [:]
    /// Every file of the commit could be read: what is not in it is not wanted.
    private var isCertain = false
    /// By what they depend on. Derived once a commit, so that no pass has to look through all deployments for them.
    private(set) var dependents: [DeploymentKey: [DeploymentKey]] = [:]

    package init() {}

    /// All that git speaks of, valid or not.
    package private(set) var keys: Set<DeploymentKey> = []
    /// So many more are wrong beside `diagnostics`.
    package var leftOut: Int { desired.leftOut }
    /// Ports of this machine that deployments of this commit have, or go on having.
    package var ports: [DeploymentKey: Set<Int>] { desired.ports }
    /// Runtimes that the files describe.
    package var runtimeNames: Set<String> { desired.runtimeNames }

    package func wants(_ key: DeploymentKey) -> Bool { keys.contains(key) }

    /// Where a field of a deployment stands, or the deployment itself.
    package func place(of key: DeploymentKey, _ path: String) -> Diagnostic? { desired.place(of: key, path) }

    /// Commands of check gates, as git has them, or had them when it could last be read.
    package private(set) var checks: [DeploymentKey: Set<CheckGate>] = [:]

    /// Deployments whose model files may change without a commit.
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

    /// Parses what is new, on as many threads as there are.
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
    ///   - known: deployments that have a record: only those can be removed.
    ///   - reserved: ports that no endpoint can have, and who serves where.
    ///   - rules: what the project may do.
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

    /// Takes in deployments whose records were found after the commit was read: they are taken for removed, or held, by
    /// the same rule as those that were known before.
    ///
    /// - Returns: why they are held, and what to do; nil where they are not.
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
            return "some files cannot be read, so that nothing is taken for removed: mend them ('mlctl validate')"
        }
        if desired.deployments.isEmpty, desired.invalid.isEmpty, !allowsEmpty {
            return "the commit holds no ModelDeployment at all: everything is kept as it is. "
                + "To remove all, start the controller with --allow-empty"
        }
        return nil
    }
}
