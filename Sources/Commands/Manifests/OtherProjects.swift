import ControlAPI
import ControlPorts
import Controller
import Foundation
import ModelManifests
import Rollouts

/// What the other projects of a controller have: whose a name is, and whose a port. Asked before a commit, by the very rules
/// by which the controller decides after it (`ProjectRegistry`).
struct OtherProjects {
    private let rules: ProjectRules
    private var book: ProjectRegistry
    private var holders: [Int: DeploymentKey] = [:]
    /// What could not be looked at, and why.
    private(set) var unchecked: [String] = []

    /// - Parameters:
    ///   - name: the project that the manifests are of.
    ///   - outcomes: of the other projects, as far as their repositories are on this machine.
    ///   - running: what the controller says; nil where none answers.
    init(
        _ settings: RunSettings, besides name: String, _ outcomes: [RepositoryInspection.Outcome],
        running: ControllerStatus?
    ) async throws {
        let all = settings.projects.map { settings.rules(of: $0) }
        rules = all.first { $0.project == name } ?? .open
        book = ProjectRegistry(all)
        for deployment in running?.deployments ?? [] {
            guard let project = deployment.project else { continue }
            let key = DeploymentKey(namespace: deployment.namespace, name: deployment.name)
            book.note(recordOf: key, project: project)
            for port in [deployment.endpoint, deployment.preview].compactMap(Self.localPort) { holders[port] = key }
        }
        for outcome in outcomes {
            let project = outcome.project
            if let commit = outcome.commit, let files = outcome.files {
                let snapshot = ManifestSnapshot(commit: commit, files: files)
                let parsed = try await ManifestLedger().parseNew(in: snapshot)
                take(snapshot, parsed, of: settings.rules(of: project), ReservedPorts())
            } else if running?.sources.contains(where: { $0.project == project.name && $0.commit != nil }) != true {
                unchecked.append(
                    "whether a name or a port is that of project '\(project.name)': its repository (\(outcome.place)) "
                        + (outcome.isSkipped ? "is not on this machine" : "cannot be read here")
                        + ", and no controller says it")
            }
        }
    }

    /// What the controller would refuse of these files, for what others have.
    func refusals(of files: [ManifestFiles.Entry], reserved: ReservedPorts) -> [Diagnostic] {
        var other = self
        let snapshot = ManifestSnapshot(
            commit: "planned",
            files: Dictionary(files.map { ($0.path, ManifestFile(blob: $0.path, text: "")) }) { first, _ in first })
        let parsed = Dictionary(files.map { ($0.path, $0.parsed) }) { first, _ in first }
        other.take(snapshot, parsed, of: rules, reserved)
        return other.book.diagnostics(ofProject: rules.project)
    }

    private mutating func take(
        _ snapshot: ManifestSnapshot, _ parsed: [String: ParsedFile], of rules: ProjectRules, _ reserved: ReservedPorts
    ) {
        var ledger = ManifestLedger()
        let absorbed = ledger.absorb(
            snapshot, parsed: parsed, known: [], allowsEmpty: true, reserved: reserved, by: rules)
        _ = book.absorb(
            ledger, of: rules.project, changed: absorbed.changed, holders: holders,
            wanted: { $0.demand(from: nil, nil) })
    }

    /// Of this machine; nil for an address of a cluster.
    private static func localPort(_ endpoint: String?) -> Int? {
        guard let url = endpoint.flatMap({ URL(string: $0) }), let host = url.host(percentEncoded: false) else {
            return nil
        }
        let isAddress = host == "localhost" || host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." }
        return isAddress ? url.port : nil
    }
}

/// Ports of the controller's machine that no endpoint can have, as far as they are known before a commit.
enum PlannedPorts {
    /// - Parameters:
    ///   - controller: that of the state folder, where it runs.
    ///   - server: where the controller that answered was asked; nil where none answered.
    static func reserved(_ controller: RunningController?, server: URL?, api: String?) -> ReservedPorts {
        let command = controller.flatMap { try? RunCommand.parse($0.runArguments) }
        func port(_ text: String?) -> Int? {
            text.flatMap { try? ListenAddress(parsing: $0).port }.flatMap { $0 == 0 ? nil : $0 }
        }
        let own = api.flatMap { URL(string: $0)?.port } ?? port(command?.listen) ?? server?.port
        return ReservedPorts(controller: own ?? ReservedPorts.defaultController, probes: port(command?.probes))
    }
}
