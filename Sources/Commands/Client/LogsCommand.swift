import ArgumentParser
import ControlAPI
import Foundation
import ModelManifests
import Presentation
import Serving

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the last log lines of a deployment's model servers.",
        discussion: """
            The logs of a revision that was rolled back are kept for 14 days.

            Examples:
              mlctl logs fraud-scorer
              mlctl logs fraud-scorer -f                 the last lines, then every new one
              mlctl logs fraud-scorer --revision 3f1c9a7e02 --tail 500
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(
        help: ArgumentHelp("Only logs of this revision; 'mlctl history' lists the revisions.", valueName: "revision"))
    var revision: String?

    @Option(
        name: [.long, .customLong("lines")], help: ArgumentHelp("The maximum number of lines.", valueName: "count"))
    var tail: Int = APILimits.defaultLogLines

    @Flag(name: [.customShort("f"), .customLong("follow")], help: "Keep showing new lines as they come.")
    var follows = false

    @OptionGroup var server: ServerOptions

    private static let followInterval: Duration = .seconds(1)

    func validate() throws {
        guard (1...APILimits.logLines).contains(tail) else {
            throw ValidationError("--tail must be from 1 to \(APILimits.logLines)")
        }
    }

    func run() async throws {
        let client = try server.client()
        let key = try await deployment.key(by: client)
        let console = Console.standard
        guard follows else {
            let lines = try await lines(of: key, tail, by: client)
            if lines.isEmpty { console.note("no log lines") }
            return try console.print(LogText.lines(lines, on: console.canvas))
        }
        try await follow(key, by: client, on: console)
    }

    private func lines(of key: DeploymentKey, _ count: Int, by client: ControlClient) async throws -> [LogLine] {
        try await client.logs(of: key, revision: revision.map(Revision.init(rawValue:)), lines: count)
    }

    /// Reads the largest window each time, so that little is missed. A controller that is away for a while is waited for.
    private func follow(_ key: DeploymentKey, by client: ControlClient, on console: Console) async throws {
        var follower = LogFollower()
        var isFirst = true
        var trouble: String?
        while true {
            do {
                let news = follower.news(in: try await lines(of: key, APILimits.logLines, by: client))
                for instance in news.interrupted { console.note("\(instance): some lines are missing here") }
                try console.print(LogText.lines(isFirst ? news.lines.suffix(tail) : news.lines, on: console.canvas))
                (isFirst, trouble) = (false, nil)
            } catch let error as ControlClientError where !isFirst {
                if trouble != error.description { console.note(error.description) }
                trouble = error.description
            }
            try await Task.sleep(for: Self.followInterval)
        }
    }
}
