import ArgumentParser
import ControlAPI
import ControlPorts
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
        commandName: "run", abstract: "Run the controller for a git repository or for several projects.",
        discussion: """
            Reads ModelDeployment manifests, serves the models as local processes behind mlctl's proxy, and rolls new \
            versions out or back. Runs in the foreground. SIGTERM and Ctrl-C stop the controller and leave the \
            models serving; 'mlctl down' stops the models.

            Examples:
              mlctl run --repo .                                        the repository in this folder
              mlctl run --repo https://git.example.com/ml/models.git --path deploy --branch production
              mlctl run --repo . --interval 10s --listen 127.0.0.1:0
              mlctl run --repo . --no-local --config mlctl.yaml         only clusters, which the file names
              mlctl run --config mlctl.yaml                             the projects in the file, each with its policy
            """)

    @Option(
        help:
            "The git repository: a folder, file:, https: or ssh: address. Default: the projects in the settings file."
    )
    var repo: String?
    @Option(help: "With --repo: branch, tag or commit. (default: main)") var branch: String?
    @Option(help: "With --repo: the folder of the repository with the manifests. (default: .)")
    var path: String?
    @OptionGroup var state: StateOption
    @Option(help: "The address of the API; port 0 uses a free port.") var listen = "127.0.0.1:8090"
    @Option(
        help: ArgumentHelp(
            "A second address for /healthz, /readyz and /leadz, such as 127.0.0.1:8091.",
            valueName: "host:port"))
    var probes: String?
    @Option(
        help: ArgumentHelp(
            "The address at which other controllers reach this API. (default: its own address; in a pod POD_IP)",
            valueName: "host:port"))
    var advertise: String?
    @Option(help: "The time between two reads of git, such as 30s.") var interval = DurationArgument(
        duration: .seconds(30), text: "30s")
    @Option(help: "The settings file: see controller/mlctl.yaml.") var config: String?
    @Flag(
        name: .customLong("allow-empty"),
        help: "With --repo: let a commit without any manifest remove all deployments.")
    var allowsEmpty = false
    @Flag(
        name: .customLong("leader-elect"),
        help: "Elect a leader among controllers of the same name: one works, the others are on standby.")
    var electsLeader = false
    @Option(
        help: ArgumentHelp(
            "The namespace of the controller's own objects in a cluster: the lease for the election, and the Secret that seals "
                + "records. (default: the pod's, otherwise the context's)"))
    var namespace: String?
    @Flag(
        name: .customLong("adopt-records"),
        help: ArgumentHelp(
            "At this start, accept records in clusters without this controller's seal. Use it after an upgrade from an mlctl "
                + "that sealed no records, or if the key was lost."))
    var adoptsRecords = false
    @Flag(
        name: .customLong("no-local"),
        help: "Serve nothing on this machine, only in clusters. Always set in a pod.")
    var servesNothingLocally = false
    @Option(name: .customLong("log-level"), help: "The log level: trace, debug, info, notice, warning or error.")
    var logLevel: LogLevelArgument = .init(.info)

    func run() async throws {
        if let config { try TrustedPlaces.check(config, as: .settings) }
        let settings = try self.settings()
        guard !settings.projects.isEmpty else {
            throw ValidationError(
                "give a repository: --repo URL-OR-PATH, or projects: in a settings file (--config FILE)")
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
                "--branch, --path and --allow-empty can only be used with --repo; projects in the file have their own")
        }
    }

    /// The project of `--repo`, which may do everything, or the projects of the file.
    private func projects(of settings: RunSettings) throws -> [Project] {
        guard let repo else { return settings.projects }
        guard settings.projects.isEmpty else {
            throw ValidationError(
                "the settings file has projects, and --repo would add one without a policy: leave out --repo, or "
                    + "add it to projects:")
        }
        return [
            Project(repo: repo, reference: .branch(branch ?? "main"), path: path ?? ".", allowsEmpty: allowsEmpty)
        ]
    }
}
