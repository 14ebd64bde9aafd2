import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import ModelManifests
import Presentation
import SafeText

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what mlctl decided, when, and why.",
        discussion: """
            Examples:
              mlctl events                        the last 100 events of all deployments
              mlctl events fraud-scorer --limit 20
              mlctl events --project risk         events of one project's deployments
              mlctl events -w                     the latest events, then every new one as it happens
              mlctl events -w -o json             one JSON object per line
              mlctl events fraud-scorer --export > readings.jsonl
                                                  the readings of the last rollout, for 'mlctl replay'
              mlctl events fraud-scorer --export --rollout 3f1c9a7e02
            """)

    @Argument(help: ArgumentHelp("Only this deployment: its name, or NAMESPACE/NAME.", valueName: "name"))
    var name: String?

    @Option(
        name: .shortAndLong, help: "With a name: its namespace. (default: default, else the only one with this name)")
    var namespace: String?

    @Option(help: ArgumentHelp("Only deployments of this project.", valueName: "name"))
    var project: String?

    @Flag(name: .shortAndLong, help: "Keep showing new events as they happen.")
    var watch = false

    @Option(help: ArgumentHelp("The maximum number of events; the newest are shown.", valueName: "count"))
    var limit: Int?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The output format: table, wide, json or yaml.", valueName: "format"))
    var output: OutputFormat = .table

    @Flag(help: "Write the readings of the last rollout instead, in the format of 'mlctl replay'.")
    var export = false

    @Option(help: ArgumentHelp("With --export: all kept rollouts of this revision.", valueName: "revision"))
    var rollout: String?

    @OptionGroup var server: ServerOptions

    private static let defaultLimitWatching = 10

    func validate() throws {
        _ = try key
        if namespace != nil, name == nil {
            throw ValidationError("--namespace needs a NAME: events are shown for one deployment or for all")
        }
        guard (1...APILimits.events).contains(limit ?? 1) else {
            throw ValidationError("--limit must be from 1 to \(APILimits.events)")
        }
        if export {
            guard name != nil else {
                throw ValidationError("--export needs a NAME: it writes the readings of one deployment")
            }
            guard !watch, limit == nil, project == nil, output == .table else {
                throw ValidationError("--export writes JSON lines: leave out -w, --limit, --project and -o")
            }
        } else if rollout != nil {
            throw ValidationError("--rollout can only be used with --export")
        }
        if watch, output == .yaml { throw ValidationError("-w writes tables or json, not yaml") }
    }

    private var key: DeploymentKey? {
        get throws { try name.map { try DeploymentArguments.key($0, namespace: namespace) } }
    }

    /// Events of a deployment that is gone stay: its name is taken as it is written.
    private func key(by client: ControlClient) async throws -> DeploymentKey? {
        guard let name, let written = try key else { return nil }
        guard namespace == nil, !name.contains("/") else { return written }
        return try await NameResolution.resolve(written, by: client)
    }

    func run() async throws {
        let client = try server.client()
        let console = Console.standard
        let key = try await key(by: client)
        if export, let key { return try await writeReadings(of: key, client, console) }
        if project != nil {
            try await NamedProject.check(project, in: try await client.status(project: project), of: client)
        }
        let standard = watch ? Self.defaultLimitWatching : APILimits.defaultEvents
        let events = try await client.events(of: key, project: project, limit: limit ?? standard)
        if watch {
            for event in events.reversed() { try show(event, console) }
            // Without earlier events the stream starts at the beginning, so no event is lost between the two calls.
            for try await event in client.eventStream(of: key, project: project, after: events.first?.id ?? 0) {
                try show(event, console)
            }
        } else if let document = try output.document(EventList(events: events)) {
            try console.write(document)
        } else {
            try console.print(EventLines.table(events, now: Date(), on: console.canvas))
        }
    }

    private func writeReadings(of key: DeploymentKey, _ client: ControlClient, _ console: Console) async throws {
        let kept = try await client.recordedRollouts(of: key)
        let wanted = rollout.map { prefix in kept.filter { $0.identity.revision.rawValue.hasPrefix(prefix) } }
        let rollouts = wanted ?? Array(kept.prefix(1))
        guard !rollouts.isEmpty else {
            let revisions = Set(kept.map(\.identity.revision)).sorted().map(\.rawValue).joined(separator: ", ")
            throw CommandFailure(
                .failed,
                kept.isEmpty
                    ? "no readings of a rollout of \(key) are kept yet"
                    : "no readings of revision '\(rollout ?? "")' are kept; readings are kept of \(revisions)")
        }
        for rollout in rollouts.reversed() {
            var export = ReadingExport(rollout)
            var position = 0
            // The loop ends: positions rise, and a rollout has a limited number of readings.
            while case let readings = try await client.recordedReadings(of: rollout, after: position),
                let last = readings.last, last.position > position
            {
                try console.print(try export.lines(readings).map(Escape.jsonDocument))
                position = last.position
            }
            try console.print(try export.rest().map(Escape.jsonDocument))
        }
    }

    private func show(_ event: StoredEvent, _ console: Console) throws {
        if output == .json {
            try console.write(Escape.jsonDocument(String(decoding: try APICoding.encode(event), as: UTF8.self)) + "\n")
        } else {
            try console.print([EventLines.line(event, on: console.canvas)])
        }
    }
}
