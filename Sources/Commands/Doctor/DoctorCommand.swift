import ArgumentParser
import Foundation
import SafeText

/// `mlctl doctor`: checks an installation, and says what to do.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check an installation: what is wrong with it, and what to do.",
        discussion: """
            Looks at files and their modes, tokens, TLS, rights, policies, programs, the clock, disks, ports, repositories, \
            clusters and metric sources, all at once and each within a time limit. It changes nothing, and shows no secret. \
            What could not be looked at is said; it never counts as well.

            Without options it examines the controller that runs over the state folder, as it was started; else give what \
            'mlctl run' gets.

            Exits 0 without a problem, 1 with one (with --strict, with a warning too), 2 if the settings cannot be read.

            Examples:
              mlctl doctor                                        the controller of this user
              sudo mlctl doctor --state-dir /var/lib/mlctl        that of a service
              mlctl doctor --config mlctl.yaml                    before the first start
              mlctl doctor --repo . --offline                     nothing is asked over the network
              mlctl doctor --strict -o json                       for CI: findings by their check and severity
            """)

    @OptionGroup var state: StateOption
    @Option(help: "The settings file that 'mlctl run' gets.") var config: String?
    @Option(help: "The repository that 'mlctl run' gets: a folder or an address.") var repo: String?
    @Option(help: "With --repo: branch, tag or commit. (default: main)") var branch: String?
    @Option(help: "With --repo: the folder within the repository that holds the manifests. (default: .)")
    var path: String?
    @Option(help: "Where the API listens, or will. (default: 127.0.0.1:8090)") var listen: String?
    @Option(help: ArgumentHelp("Where the probes answer, or will.", valueName: "host:port")) var probes: String?
    @Option(help: ArgumentHelp("Where others reach the API.", valueName: "host:port")) var advertise: String?
    @Flag(name: .customLong("no-local"), help: "Nothing is served on this machine.") var servesNothingLocally = false
    @Flag(help: "Ask nobody over the network.") var offline = false
    @Flag(help: "Exit 1 for a warning too.") var strict = false
    @Option(name: .shortAndLong, help: ArgumentHelp("How to show it: table, wide, json or yaml.", valueName: "format"))
    var output: OutputFormat = .table

    func validate() throws {
        guard repo != nil || (branch == nil && path == nil) else {
            throw ValidationError("--branch and --path go with --repo; a project of the file has its own")
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
        let found = await LimitedWork.run(within: Examination.localLimit) {
            ExaminedInstallation.find(
                state: folder, arguments: arguments, environment: ProcessInfo.processInfo.environment)
        }
        guard let installation = try found?.get() else {
            throw CommandFailure(
                .failed,
                "\(folder.path(percentEncoded: false)), or the settings file, does not answer: its file server hangs")
        }
        let diagnosis = await Examination(installation: installation, isOffline: offline).diagnosis()
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
