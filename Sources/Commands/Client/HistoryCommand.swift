import ArgumentParser
import ControlAPI
import Foundation
import Presentation

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show a deployment's revisions: when each was deployed, and its result.",
        discussion: """
            Examples:
              mlctl history fraud-scorer
              mlctl history payments/fraud-scorer -o json
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The output format: table, wide, json or yaml.", valueName: "format"))
    var output: OutputFormat = .table

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client()
        let history = try await client.history(of: try await deployment.key(by: client))
        let console = Console.standard
        if let document = try output.document(HistoryList(history: history)) {
            try console.write(document)
        } else {
            try console.print(HistoryTable.lines(history, now: Date(), on: console.canvas))
        }
    }
}
