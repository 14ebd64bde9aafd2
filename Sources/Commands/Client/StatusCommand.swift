import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import ModelManifests
import Presentation
import SafeText

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show deployments: what serves, what rolls out, and what it waits for.",
        discussion: """
            Examples:
              mlctl status                       all deployments, one per line
              mlctl status fraud-scorer          one deployment in detail: gates, conditions, quarantine
              mlctl status -n payments -o wide   one namespace, with revisions, commits and endpoints
              mlctl status -A                    all namespaces, as without -n
              mlctl status --project risk        the deployments of one project
              mlctl status -w                    keep the view up to date
              mlctl status -o json               for programs
            """)

    private static let watchInterval: Duration = .seconds(1)

    @Argument(help: ArgumentHelp("Show one deployment in detail: its name, or NAMESPACE/NAME.", valueName: "name"))
    var name: String?

    @Option(
        name: .shortAndLong,
        help: "The namespace. (default: all; with a name: default, else the only one with this name)")
    var namespace: String?

    @Flag(
        name: [.customShort("A"), .customLong("all-namespaces")], help: "All namespaces: the default without a name.")
    var showsAllNamespaces = false

    @Option(help: ArgumentHelp("Only deployments of this project.", valueName: "name"))
    var project: String?

    @Flag(name: .shortAndLong, help: "Keep the view up to date; without a terminal, print a line for every change.")
    var watch = false

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The output format: table, wide, json or yaml.", valueName: "format"))
    var output: OutputFormat = .table

    @OptionGroup var server: ServerOptions

    func validate() throws {
        _ = try key
        guard !showsAllNamespaces || (namespace == nil && name == nil) else {
            throw ValidationError("-A shows all namespaces; leave out --namespace and the name")
        }
    }

    private var key: DeploymentKey? {
        get throws { try name.map { try DeploymentArguments.key($0, namespace: namespace) } }
    }

    func run() async throws {
        let client = try server.client()
        let console = Console.standard
        if watch {
            try await refreshContinuously(client, console)
        } else {
            let status = try narrowed(try await self.status(client))
            try console.write(try text(status, now: Date(), on: console.canvas))
        }
    }

    private func status(_ client: ControlClient) async throws -> ControllerStatus {
        let status = try await client.status(project: project)
        try await NamedProject.check(project, in: status, of: client)
        return status
    }

    /// Keeps only the requested deployments.
    private func narrowed(_ status: ControllerStatus) throws -> ControllerStatus {
        var narrowed = status
        if let key = try resolvedKey(in: status) {
            narrowed.deployments.removeAll { $0.key != key }
            guard !narrowed.deployments.isEmpty else { throw notFound(key, in: status) }
        } else if let namespace {
            narrowed.deployments.removeAll { $0.namespace != namespace }
        }
        return narrowed
    }

    private func resolvedKey(in status: ControllerStatus) throws -> DeploymentKey? {
        guard let key = try key else { return nil }
        guard namespace == nil, name?.contains("/") == false,
            case .one(let found) = NameResolution(key.name, among: status.deployments.map(\.key))
        else { return key }
        return found
    }

    private func notFound(_ key: DeploymentKey, in status: ControllerStatus) -> CommandFailure {
        let elsewhere = status.deployments.filter { $0.name == key.name }.map(\.key.description)
        let advice =
            elsewhere.isEmpty
            ? "'mlctl status' lists the deployments" : "did you mean \(elsewhere.sorted().joined(separator: " or "))?"
        return CommandFailure(.failed, "deployment '\(key)' does not exist; \(advice)")
    }

    private func text(_ status: ControllerStatus, now: Date, on canvas: Canvas) throws -> String {
        if let document = try output.document(status) { return document }
        return lines(status, now: now, on: canvas).map { Escape.styledLine($0, styles: Tone.codes) + "\n" }.joined()
    }

    private func lines(_ status: ControllerStatus, now: Date, on canvas: Canvas) -> [String] {
        if name != nil, let deployment = status.deployments.first {
            return StatusDetail(deployment: deployment, sources: status.sources, now: now, canvas: canvas).lines()
        }
        return StatusTable(isWide: output == .wide, namespace: namespace).lines(status, now: now, on: canvas)
    }

    // MARK: -w

    private func refreshContinuously(_ client: ControlClient, _ console: Console) async throws {
        var screen = LiveScreen()
        var changes = StatusChanges()
        var lastDocument = ""
        var last: ControllerStatus?
        while true {
            var note: String?
            do {
                last = try narrowed(try await status(client))
            } catch let error as ControlClientError where last != nil {
                note = error.description
            }
            if let status = last {
                let now = Date()
                if let document = try output.document(status) {
                    if document != lastDocument { try console.write(document) }
                    lastDocument = document
                } else if console.canRedraw {
                    let canvas = console.canvas
                    let warning = note.map { [""] + canvas.wrapped($0).map { canvas.paint($0, .bad) } } ?? []
                    let lines = lines(status, now: now, on: canvas) + warning
                    try console.write(screen.redraw(lines, height: console.height))
                } else {
                    try console.print(changes.lines(status, now: now))
                }
            }
            try await Task.sleep(for: Self.watchInterval)
        }
    }
}
