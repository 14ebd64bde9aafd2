import ArgumentParser
import ControlAPI
import Foundation
import ModelManifests
import Presentation

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the last log lines of a deployment's model servers.",
        discussion: """
            The logs of a revision that was rolled back are kept for 14 days.

            Examples:
              mlctl logs fraud-scorer
              mlctl logs fraud-scorer --revision 3f1c9a7e02 --tail 500
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(
        help: ArgumentHelp("Only logs of this revision; 'mlctl history' lists the revisions.", valueName: "revision"))
    var revision: String?

    @Option(
        name: [.long, .customLong("lines")], help: ArgumentHelp("The maximum number of lines.", valueName: "count"))
    var tail: Int = APILimits.defaultLogLines

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard (1...APILimits.logLines).contains(tail) else {
            throw ValidationError("--tail must be from 1 to \(APILimits.logLines)")
        }
    }

    func run() async throws {
        let lines = try await server.client().logs(
            of: try deployment.key, revision: revision.map(Revision.init(rawValue:)), lines: tail)
        let console = Console.standard
        if lines.isEmpty { console.note("no log lines") }
        try console.print(LogText.lines(lines, on: console.canvas))
    }
}
