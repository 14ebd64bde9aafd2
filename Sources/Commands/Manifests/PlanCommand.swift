import Analysis
import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import GitSource
import KubernetesServing
import ModelManifests
import Presentation

/// `mlctl plan PATH…`: shows what a commit would do.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what would happen if these manifests were committed.",
        discussion: """
            Compares the files with what the controller runs and with the commit that it has read: what is new, rolled out, \
            renamed, removed or kept, how, what it takes, and what users of each endpoint would notice. With --diff it compares \
            two commits of the repository in this folder, also without a controller: the earlier one is then taken as what \
            serves. Where neither is known, it says what the files ask for. With --project it also says what other \
            projects of the settings have already: names, and ports of the machine. Changes nothing.

            Exits 1 if something happens that --fail-on names, 2 if a manifest is invalid, 5 if the controller given by \
            --server or MLCTL_SERVER is unreachable.

            Examples:
              mlctl plan manifests/
              mlctl plan model.yaml --offline
              mlctl plan --diff origin/main...HEAD deploy --fail-on removal,outage    in CI
              mlctl plan --diff origin/main...HEAD deploy -o markdown > comment.md    for a pull request
              mlctl plan deploy --project risk --config mlctl.yaml    check the policy of a project
              mlctl plan manifests/ --server https://mlctl.example.com -o json
            """)

    enum Output: String, CaseIterable, ExpressibleByArgument { case text, json, markdown }

    @Argument(help: "Files and folders. With --diff they may be left out.") var paths: [String] = []
    @Option(help: ArgumentHelp("Plan the commits of a range of the repository.", valueName: "base..head"))
    var diff: String?
    @Option(
        help: ArgumentHelp("Exit 1 if one of these happens: removal, outage. Separated by commas.", valueName: "risks"))
    var failOn: String?
    @Flag(help: "Do not ask a controller.") var offline = false
    @Option(name: .shortAndLong, help: ArgumentHelp("The output format: text, json or markdown.", valueName: "format"))
    var output: Output = .text
    @OptionGroup var project: ProjectOption
    @OptionGroup var server: ServerOptions

    func validate() throws {
        if paths.isEmpty, diff == nil { throw ValidationError("give files or folders") }
        if let diff, CommitRange(diff) == nil {
            throw ValidationError("'\(diff)' is not a range of commits: write BASE..HEAD, or BASE...HEAD")
        }
        _ = try risksToFailOn
    }

    private var risksToFailOn: Set<PlanRisk> {
        get throws {
            let words = failOn?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } ?? []
            return try Set(
                words.map { word in
                    guard let risk = PlanRisk(rawValue: word) else {
                        let names = PlanRisk.allCases.map(\.rawValue)
                        throw ValidationError(
                            "--fail-on: '\(word)' is unknown; "
                                + (DidYouMean.suggestion(for: word, among: names, noun: "the words are") ?? ""))
                    }
                    return risk
                })
        }
    }

    func run() async throws {
        let console = Console.standard
        let scratch = FileManager.default.temporaryDirectory.appending(path: "mlctl-plan-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let running = try await offline ? nil : ask(console)
        let planned: PlannedCommit
        do {
            planned = try await PlannedCommit(
                paths: paths.isEmpty ? ["."] : paths, diff: diff.flatMap { CommitRange($0) }, project: project,
                sources: running?.status.sources, scratch: scratch)
        } catch let error as GitError {
            throw CommandFailure(.wrongUsage, error.message)
        }
        for note in planned.notes { console.note("not known: \(note)") }
        let desired = try await checked(planned, running, console)
        let keys = desired.deployments.keys.sorted()
        let gone = planned.gone.keys.sorted()
        var explanations = try await running?.explanations(of: keys + gone)
        if let running, let known = explanations {
            let uncounted = Self.uncounted(desired, known)
            if !uncounted.isEmpty {
                console.note(
                    "counting the requests of \(uncounted.count == 1 ? "the endpoint" : "the endpoints") for 10 s")
                try await Task.sleep(for: .seconds(TrafficRate.leastSeconds + 0.2))
                explanations?.merge(try await running.explanations(of: uncounted)) { $1 }
            }
        }
        func state(_ key: DeploymentKey) -> DeploymentPlan.Running {
            if let explanations { return explanations[key] ?? .absent }
            guard planned.isCompared else { return .unknown }
            return planned.before[key].map { .assumed($0) } ?? .absent
        }
        let ports = Dictionary(
            desired.deployments.values.compactMap { deployment in
                deployment.target == .local ? deployment.endpoint.port.map { ($0, deployment.key) } : nil
            }
        ) { first, _ in first }
        let plans =
            keys.compactMap { key -> DeploymentPlan? in
                guard let deployment = desired.deployments[key] else { return nil }
                return DeploymentPlan(
                    deployment, against: state(key), before: planned.before[key], renamedFrom: planned.renamedFrom[key],
                    movedFrom: planned.movedFrom[key], otherPorts: ports,
                    previewAddress: { ClusterPreview.address(of: deployment, $0) })
            }
            + gone.compactMap { key in
                planned.gone[key].map { DeploymentPlan(key, $0, from: state(key), before: planned.before[key]) }
            }
        try show(plans, planned, console)
        let feared = try risksToFailOn
        let found = PlanRisk.allCases.filter { risk in
            feared.contains(risk) && plans.contains { $0.risks.contains(risk) }
        }
        if !found.isEmpty {
            let counts = found.map { risk in "\(plans.count { $0.risks.contains(risk) }) with \(risk.rawValue)" }
            throw CommandFailure(
                .failed,
                "this commit has what --fail-on names: \(counts.joined(separator: ", ")). Ask for a review, or plan it apart"
            )
        }
    }

    /// So many rollouts of one plan get a forecast.
    private static let forecastsMax = 20

    /// Deployments with a rollout to come whose traffic the controller has not counted long enough.
    private static func uncounted(
        _ desired: DesiredState, _ known: [DeploymentKey: DeploymentPlan.Running]
    ) -> [DeploymentKey] {
        let found = desired.deployments.filter { key, deployment in
            guard let running = known[key], let explanation = running.explanation else { return false }
            return DeploymentPlan(deployment, against: running).change == .revision && deployment.forecastsVerdicts
                && explanation.traffic?.seconds ?? 0 < TrafficRate.leastSeconds
        }
        return Array(found.keys.sorted().prefix(forecastsMax))
    }

    private func show(_ plans: [DeploymentPlan], _ planned: PlannedCommit, _ console: Console) throws {
        switch output {
        case .text: try console.print(PlanText(plans: plans, canvas: console.canvas).lines())
        case .json: try console.write(String(decoding: try APICoding.encode(plans, pretty: true), as: UTF8.self) + "\n")
        case .markdown:
            try console.write(PlanMarkdown(plans: plans, base: planned.baseText, notes: planned.notes).text)
        }
    }

    /// The planned deployments.
    ///
    /// - Throws: `CommandFailure` where the controller would refuse some.
    private func checked(
        _ planned: PlannedCommit, _ running: Running?, _ console: Console
    ) async throws -> DesiredState {
        let reserved = PlannedPorts.reserved(
            offline ? nil : RunningController.find(in: server.state.url), server: running?.client.server,
            api: offline ? nil : ControllerRecord.read(in: server.state.url)?.api)
        let files = planned.files
        let desired = try project.desired(files.map(\.parsed), reserved: reserved)
        if let warning = try project.warning(desired, paths: paths) { console.note("warning: \(warning)") }
        let others = try await project.others(running?.status)
        for text in others?.unchecked ?? [] { console.note("not checked: \(text)") }
        let known = Set(desired.diagnostics.map(\.message))
        let refusals = (others?.refusals(of: files, reserved: reserved) ?? []).filter { refusal in
            // A name that another project gives up in the same commit is free when that has stopped.
            !known.contains(refusal.message) && refusal.deployment.map { planned.movedFrom[$0] == nil } != false
        }
        guard desired.diagnostics.isEmpty, refusals.isEmpty else {
            let text = (desired.diagnostics + refusals).sorted().map(\.description).joined(separator: "\n")
            throw CommandFailure(
                .wrongUsage,
                desired.diagnostics.isEmpty
                    ? "the controller would refuse these manifests:\n\(text)" : "the manifests are invalid:\n\(text)")
        }
        return desired
    }

    /// The controller that answered.
    private struct Running {
        var client: ControlClient
        var status: ControllerStatus

        func explanations(of keys: [DeploymentKey]) async throws -> [DeploymentKey: DeploymentPlan.Running] {
            let known = Set(status.deployments.map(\.key))
            var running: [DeploymentKey: DeploymentPlan.Running] = [:]
            for key in keys where known.contains(key) {
                running[key] = .present(try await client.explanation(of: key))
            }
            return running
        }
    }

    /// - Returns: nil where no controller answers, and the user specified none.
    private func ask(_ console: Console) async throws -> Running? {
        do {
            let client = try server.client()
            return Running(client: client, status: try await client.status())
        } catch let error as ControlClientError where !server.isNamed {
            console.note("not compared with a controller: \(error.description)")
            return nil
        }
    }
}
