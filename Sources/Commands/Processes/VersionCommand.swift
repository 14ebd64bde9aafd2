import ArgumentParser
import Foundation
import Presentation

/// `mlctl version`: this program's version, and whether what runs has the same.
struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the version, and compare it with what runs.",
        discussion: """
            With --check: asks the programs of the controller, the proxy and the keepers of a state folder for their versions. After \
            an upgrade the controller is restarted by hand; it renews the proxy by itself; a keeper has the old program until its \
            instance ends. Exits 1 if the controller or the proxy differs.

            Examples:
              mlctl version
              sudo mlctl version --check --state-dir /var/lib/mlctl
            """)

    @Flag(help: "Compare it with the running controller, proxy and keepers.") var check = false
    @OptionGroup var state: StateOption

    func run() async throws {
        let console = Console.standard
        guard check else { return try console.print([Version.text]) }
        let programs = RunningPrograms(state: state.url).list()
        guard !programs.isEmpty else {
            return try console.print([
                "this command: \(Version.text)",
                "nothing of mlctl runs with the state folder \(state.url.path(percentEncoded: false)), or it belongs to another user",
            ])
        }
        var versions: [RunningPrograms.FileIdentity: String] = [:]
        for program in programs where versions[program.file] == nil {
            versions[program.file] = await RunningPrograms.version(of: program.pid) ?? "unknown"
        }
        let own = RunningPrograms.file(of: getpid())
        let comparison = VersionComparison(
            own: Version.text,
            running: programs.map {
                .init(
                    role: $0.role.rawValue, version: versions[$0.file] ?? "unknown", isSameFile: $0.file == own,
                    outlivesUpgrades: $0.role == .keeper)
            })
        try console.print(comparison.lines(on: console.canvas))
        guard comparison.isFine else { throw ExitCode.failure }
    }
}
