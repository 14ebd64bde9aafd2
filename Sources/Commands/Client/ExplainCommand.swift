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
              mlctl explain fraud-scorer --what slow       only this gate
              mlctl explain -n payments fraud-scorer -o json
            """)

    enum Output: String, CaseIterable, ExpressibleByArgument { case text, json }

    @OptionGroup var deployment: DeploymentArguments

    @Option(name: .shortAndLong, help: ArgumentHelp("The output format: text or json.", valueName: "format"))
    var output: Output = .text

    @Option(help: ArgumentHelp("Only this gate: its question, its evidence, and what is missing.", valueName: "gate"))
    var what: String?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client()
        var explanation = try await client.explanation(of: try await deployment.key(by: client))
        let console = Console.standard
        if let what {
            let names = explanation.gates.map(\.summary.name)
            guard names.contains(what) else {
                let advice =
                    DidYouMean.suggestion(for: what, among: names, noun: "its gates are") ?? "it has no gates now"
                throw CommandFailure(.failed, "\(explanation.status.key) has no gate '\(what)'; \(advice)")
            }
            explanation.gates.removeAll { $0.summary.name != what }
        }
        switch output {
        case .text:
            let text = ExplainText(explanation: explanation, now: Date(), canvas: console.canvas)
            try console.print(what == nil ? text.lines() : text.gates)
        case .json:
            try console.write(String(decoding: try APICoding.encode(explanation, pretty: true), as: UTF8.self) + "\n")
        }
    }
}
