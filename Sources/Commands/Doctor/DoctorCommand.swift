import ArgumentParser
import Foundation
import Presentation
import SafeText

/// `mlctl doctor`: checks an installation, and says what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check an installation: find problems, and say how to fix them.",
        discussion: """
            Checks files and their modes, tokens, TLS, rights, policies, programs, the clock, disks, ports, repositories, \
            clusters and metric sources, all at once and each within a time limit. It changes nothing and prints no secret. \
            What could not be checked is listed, and never counts as ok.

            Without options it checks the controller that runs on the state folder, with the options that it was started \
            with. Otherwise give the options of 'mlctl run'.

            Exits 0 without problems, 1 with a problem (with --strict also with a warning), 2 if the settings cannot be read.

            Examples:
              mlctl doctor                                        the controller of this user
              sudo mlctl doctor --state-dir /var/lib/mlctl        the controller of a service
              mlctl doctor --config mlctl.yaml                    before the first start
              mlctl doctor --repo . --offline                     without using the network
              mlctl doctor --strict -o json                       for CI: findings with their check and severity
            """)

    @OptionGroup var state: StateOption
    @Option(help: "The settings file of 'mlctl run'.") var config: String?
    @Option(help: "The repository of 'mlctl run': a folder or an address.") var repo: String?
    @Option(help: "With --repo: branch, tag or commit. (default: main)") var branch: String?
    @Option(help: "With --repo: the folder of the repository with the manifests. (default: .)")
    var path: String?
    @Option(help: "Where the API listens. (default: 127.0.0.1:8090)") var listen: String?
    @Option(help: ArgumentHelp("Where the probes answer.", valueName: "host:port")) var probes: String?
    @Option(help: ArgumentHelp("The address at which others reach the API.", valueName: "host:port")) var advertise:
        String?
    @Flag(name: .customLong("no-local"), help: "Nothing is served on this machine.") var servesNothingLocally = false
    @Flag(help: "Do not use the network.") var offline = false
    @Flag(help: "Also exit 1 for warnings.") var strict = false
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The output format: table, wide, json or yaml.", valueName: "format"))
    var output: OutputFormat = .table

    func validate() throws {
        guard repo != nil || (branch == nil && path == nil) else {
            throw ValidationError(
                "--branch and --path can only be used with --repo; projects in the settings have their own")
        }
    }

    /// The arguments for `mlctl run`.
    var runArguments: [String] {
        let options = [
            ("config", config), ("repo", repo), ("branch", branch), ("path", path), ("listen", listen),
            ("probes", probes),
            ("advertise", advertise),
        ]
        return options.compactMap { name, value in value.map { "--\(name)=\($0)" } }
            + (servesNothingLocally ? ["--no-local"] : [])
    }

    func run() async throws {
        let (folder, arguments) = (state.url, runArguments)
        let found = await TimeLimitedWork.run(within: DoctorRun.localLimit) {
            InspectedInstallation.find(
                state: folder, arguments: arguments, environment: ProcessInfo.processInfo.environment)
        }
        guard let installation = try found?.get() else {
            throw CommandFailure(
                .failed,
                "reading \(folder.path(percentEncoded: false)) or the settings file hangs: its file server does not answer"
            )
        }
        let diagnosis = await DoctorRun(installation: installation, isOffline: offline).diagnosis()
        let console = Console.standard
        if let document = try output.document(diagnosis) {
            try console.write(document)
        } else {
            try console.print(DoctorText.lines(diagnosis, on: console.canvas))
        }
        let exit = diagnosis.exit(isStrict: strict)
        if exit != .done { throw CommandFailure(exit, "") }
    }
}
