import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import KubernetesServing
import ModelManifests
import Presentation

/// `mlctl plan PATH…`: shows what a commit would do.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what would happen if these manifests were committed.",
        discussion: """
            Compares the files with what the controller runs: what is new, what would be rolled out and how, and what \
            it takes. Where no controller answers, it says what the files ask for. With --project it also says what other \
            projects of the settings have already: names, and ports of the machine. Changes nothing.

            Exits 2 if a manifest is invalid, 5 if the controller given by --server or MLCTL_SERVER is unreachable.

            Examples:
              mlctl plan manifests/
              mlctl plan model.yaml --offline
              mlctl plan deploy --project risk --config mlctl.yaml    check the policy of a project
              mlctl plan manifests/ --server https://mlctl.example.com -o json
            """)

    enum Output: String, CaseIterable, ExpressibleByArgument { case text, json }

    @Argument(help: "Files and folders.") var paths: [String]
    @Flag(help: "Do not ask a controller.") var offline = false
    @Option(name: .shortAndLong, help: ArgumentHelp("The output format: text or json.", valueName: "format"))
    var output: Output = .text
    @OptionGroup var project: ProjectOption
    @OptionGroup var server: ServerOptions

    func validate() throws {
        if paths.isEmpty { throw ValidationError("give files or folders") }
    }

    func run() async throws {
        let console = Console.standard
        let files = try ManifestFiles.read(paths)
        let running = try await offline ? nil : ask(console)
        let reserved = PlannedPorts.reserved(
            offline ? nil : RunningController.find(in: server.state.url), server: running?.client.server,
            api: offline ? nil : ControllerRecord.read(in: server.state.url)?.api)
        let desired = try project.desired(files.map(\.parsed), reserved: reserved)
        if let warning = try project.warning(desired, paths: paths) { console.note("warning: \(warning)") }
        let others = try await project.others(running?.status)
        for text in others?.unchecked ?? [] { console.note("not checked: \(text)") }
        let known = Set(desired.diagnostics.map(\.message))
        let refusals = (others?.refusals(of: files, reserved: reserved) ?? []).filter { !known.contains($0.message) }
        guard desired.diagnostics.isEmpty, refusals.isEmpty else {
            let text = (desired.diagnostics + refusals).sorted().map(\.description).joined(separator: "\n")
            throw CommandFailure(
                .wrongUsage,
                desired.diagnostics.isEmpty
                    ? "the controller would refuse these manifests:\n\(text)" : "the manifests are invalid:\n\(text)")
        }
        let explanations = try await running?.explanations(of: desired.deployments.keys.sorted())
        let plans = desired.deployments.values.sorted { $0.key < $1.key }.map { deployment in
            DeploymentPlan(
                deployment, against: explanations.map { $0[deployment.key] ?? .absent } ?? .unknown,
                previewAddress: { ClusterPreview.address(of: deployment, $0) })
        }
        switch output {
        case .text: try console.print(PlanText(plans: plans, canvas: console.canvas).lines())
        case .json: try console.write(String(decoding: try APICoding.encode(plans, pretty: true), as: UTF8.self) + "\n")
        }
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
