import ArgumentParser
import ControlPorts
import ControlAPI
import Foundation
import ModelManifests
import Presentation

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Explain a rollout: each gate's evidence, what happens next, and what to do.",
        discussion: """
            Examples:
              mlctl explain fraud-scorer
              mlctl explain -n payments fraud-scorer -o json
            """)

    enum Output: String, CaseIterable, ExpressibleByArgument { case text, json }

    @OptionGroup var deployment: DeploymentArguments

    @Option(name: .shortAndLong, help: ArgumentHelp("The output format: text or json.", valueName: "format"))
    var output: Output = .text

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let explanation = try await server.client().explanation(of: try deployment.key)
        let console = Console.standard
        switch output {
        case .text:
            try console.print(ExplainText(explanation: explanation, now: Date(), canvas: console.canvas).lines())
        case .json:
            try console.write(String(decoding: try APICoding.encode(explanation, pretty: true), as: UTF8.self) + "\n")
        }
    }
}
