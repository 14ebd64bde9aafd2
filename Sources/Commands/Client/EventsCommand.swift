import ArgumentParser
import ControlAPI
import Controller
import Foundation
import ModelManifests

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what was decided, when, and why.",
        discussion: """
            Examples:
              mlctl events                        the last hundred, of all deployments
              mlctl events fraud-scorer --limit 20
              mlctl events -w                     the last ones, and from now on every one as it happens
              mlctl events -w -o json             one JSON object a line
            """)

    @Argument(help: ArgumentHelp("Only this deployment: its name, or NAMESPACE/NAME.", valueName: "name"))
    var name: String?

    @Option(name: .shortAndLong, help: "With a name: its namespace. (default: default)")
    var namespace: String?

    @Flag(name: .shortAndLong, help: "Go on with every event as it happens.")
    var watch = false

    @Option(help: ArgumentHelp("At most so many, the newest.", valueName: "count"))
    var limit: Int?

    @Option(name: .shortAndLong, help: ArgumentHelp("How to show it: table, wide, json or yaml.", valueName: "format"))
    var output: OutputFormat = .table

    @OptionGroup var server: ServerOptions

    private static let defaultLimitWatching = 10

    func validate() throws {
        _ = try key
        if namespace != nil, name == nil {
            throw ValidationError("--namespace wants a NAME: events are shown for one or all")
        }
        guard (1...APILimits.events).contains(limit ?? 1) else {
            throw ValidationError("--limit must be from 1 to \(APILimits.events)")
        }
        if watch, output == .yaml { throw ValidationError("-w writes tables or json, not yaml") }
    }

    private var key: DeploymentKey? {
        get throws { try name.map { try DeploymentArguments.key($0, namespace: namespace) } }
    }

    func run() async throws {
        let client = try server.client()
        let console = Console.standard
        let standard = watch ? Self.defaultLimitWatching : APILimits.defaultEvents
        let events = try await client.events(of: try key, limit: limit ?? standard)
        if watch {
            for event in events.reversed() { try show(event, console) }
            // With none before, the stream begins at the beginning: nothing can fall between the two calls.
            for try await event in client.eventStream(of: try key, after: events.first?.id ?? 0) {
                try show(event, console)
            }
        } else if let document = try output.document(EventList(events: events)) {
            try console.write(document)
        } else {
            try console.print(EventLines.table(events, now: Date(), on: console.canvas))
        }
    }

    private func show(_ event: StoredEvent, _ console: Console) throws {
        if output == .json {
            try console.write(String(decoding: try APICoding.encode(event), as: UTF8.self) + "\n")
        } else {
            try console.print([EventLines.line(event, on: console.canvas)])
        }
    }
}
