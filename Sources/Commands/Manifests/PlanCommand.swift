import ArgumentParser
import ControlAPI
import Controller
import Foundation
import ModelManifests

/// `mlctl plan PATH…`: shows what a commit would do.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what would happen if these manifests were committed.",
        discussion: """
            Compares the files with what the controller runs: what is new, what would be rolled out and how, and which \
            resources that needs. If no controller answers, it shows what the files ask for. Changes nothing.

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
        let desired = try project.desired(files.map(\.parsed))
        guard desired.diagnostics.isEmpty else {
            let text = desired.diagnostics.sorted().map(\.description).joined(separator: "\n")
            throw CommandFailure(.wrongUsage, "the manifests are invalid:\n\(text)")
        }
        let running = try await offline ? nil : self.running(desired.deployments.keys.sorted(), console)
        let plans = desired.deployments.values.sorted { $0.key < $1.key }.map { deployment in
            DeploymentPlan(deployment, against: running.map { $0[deployment.key] ?? .absent } ?? .unknown)
        }
        switch output {
        case .text: try console.print(PlanText(plans: plans, canvas: console.canvas).lines())
        case .json: try console.write(String(decoding: try APICoding.encode(plans, pretty: true), as: UTF8.self) + "\n")
        }
    }

    /// - Returns: nil where no controller answers, and the user specified none.
    private func running(
        _ keys: [DeploymentKey], _ console: Console
    ) async throws -> [DeploymentKey: DeploymentPlan.Running]? {
        do {
            let client = try server.client()
            let known = Set(try await client.status().deployments.map(\.key))
            var running: [DeploymentKey: DeploymentPlan.Running] = [:]
            for key in keys where known.contains(key) {
                running[key] = .present(try await client.explanation(of: key))
            }
            return running
        } catch let error as ControlClientError where !server.isNamed {
            console.note("not compared with a controller: \(error.description)")
            return nil
        }
    }
}
