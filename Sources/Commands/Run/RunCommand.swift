import ArgumentParser
import ControlAPI
import Controller
import ControllerRuntime
import Foundation
import GitSource
import Journal
import LocalServing
import Logging
import MetricSources
import ModelManifests
import ModelStorage
import Notifications
import ServiceLifecycle

/// `mlctl run`: runs the controller.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the controller over a git repository, or over several projects.",
        discussion: """
            Reads ModelDeployment manifests, serves them as local processes behind mlctl's own proxy, and rolls new \
            versions out or back. It stays in the foreground; SIGTERM and Ctrl-C stop the controller and leave the \
            models serving. 'mlctl down' stops those.

            Examples:
              mlctl run --repo .                                        the repository in this folder
              mlctl run --repo https://git.example.com/ml/models.git --path deploy --branch production
              mlctl run --repo . --interval 10s --listen 127.0.0.1:0
              mlctl run --repo . --no-local --config mlctl.yaml         clusters only, named in the file
              mlctl run --config mlctl.yaml                             the projects of the file, each with its policy
            """)

    @Option(
        help:
            "The git repository: a folder, file:, https: or ssh: address. Without it, the file's projects are followed."
    )
    var repo: String?
    @Option(help: "With --repo: branch, tag or commit. (default: main)") var branch: String?
    @Option(help: "With --repo: the folder within the repository that holds the manifests. (default: .)")
    var path: String?
    @OptionGroup var state: StateOption
    @Option(help: "Where the API listens; port 0 takes a free one.") var listen = "127.0.0.1:8090"
    @Option(
        help: ArgumentHelp(
            "Where /healthz, /readyz and /leadz answer as well, apart from the API, such as 127.0.0.1:8091.",
            valueName: "host:port"))
    var probes: String?
    @Option(
        help: ArgumentHelp(
            "Where other controllers reach this API. (default: where it listens, in a pod its POD_IP)",
            valueName: "host:port"))
    var advertise: String?
    @Option(help: "Between two looks at git, such as 30s.") var interval = DurationArgument(
        duration: .seconds(30), text: "30s")
    @Option(help: "A file with more settings: see controller/mlctl.yaml.") var config: String?
    @Flag(
        name: .customLong("allow-empty"),
        help: "With --repo: let a commit without any manifest remove all deployments.")
    var allowsEmpty = false
    @Flag(
        name: .customLong("leader-elect"),
        help: "Take turns with other controllers of the same name: one works, the others stand by.")
    var electsLeader = false
    @Option(
        help: ArgumentHelp(
            "Of the controllers' own objects in a cluster: the lease by which they take turns, and the Secret that seals their "
                + "records. (default: the pod's, else the context's)"))
    var namespace: String?
    @Flag(
        name: .customLong("adopt-records"),
        help: ArgumentHelp(
            "At this start, take over records in clusters that this controller has not sealed: after an upgrade from an mlctl "
                + "that sealed none, or where its key was lost."))
    var adoptsRecords = false
    @Flag(
        name: .customLong("no-local"),
        help: "Serve nothing on this machine, only in clusters. So it is in a pod, whatever is said.")
    var servesNothingLocally = false
    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning or error.")
    var logLevel: LogLevelArgument = .init(.info)

    func run() async throws {
        if let config { try TrustedPlaces.check(config, as: .settings) }
        let settings = try self.settings()
        guard !settings.projects.isEmpty else {
            throw ValidationError(
                "name what to follow: --repo URL-OR-PATH, or projects: in a settings file (--config FILE)")
        }
        var logger = Logger(label: "mlctl") { _ in PlainLogHandler() }
        logger.logLevel = logLevel.level
        try await ControllerProcess(settings: settings, state: state.url, logger: logger).run()
    }

    /// The options combined with the settings file. There may be no project.
    /// - Throws: `ValidationError`.
    func settings() throws -> RunSettings {
        var settings = try config.map(RunSettings.init(contentsOf:)) ?? RunSettings()
        settings.projects = try projects(of: settings)
        settings.listen = listen
        settings.probes = probes
        settings.advertise = advertise
        settings.interval = interval.duration
        settings.electsLeader = electsLeader
        settings.namespace = namespace
        settings.adoptsRecords = adoptsRecords
        settings.servesNothingLocally = servesNothingLocally
        return settings
    }

    func validate() throws {
        guard repo != nil || (branch == nil && path == nil && !allowsEmpty) else {
            throw ValidationError(
                "--branch, --path and --allow-empty go with --repo; a project of the file has its own")
        }
    }

    /// The project of `--repo`, which may do everything, or the projects of the file.
    private func projects(of settings: RunSettings) throws -> [Project] {
        guard let repo else { return settings.projects }
        guard settings.projects.isEmpty else {
            throw ValidationError(
                "the settings file names projects, and --repo would be another one without a policy: leave out --repo, or "
                    + "add it to projects:")
        }
        return [
            Project(repo: repo, reference: .branch(branch ?? "main"), path: path ?? ".", allowsEmpty: allowsEmpty)
        ]
    }
}
