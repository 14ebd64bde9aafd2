import ArgumentParser
import Foundation

/// `mlctl demo`: a good and a bad release on this machine.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Play the whole story on this machine, in about a minute.",
        discussion: """
            In a folder of its own under the system's temporary folder: a git repository, real model servers and a load. \
            Version 1 serves; version 2 is committed, passes its gates and is promoted; version 3 is committed, is worse \
            in earnest, and is rolled back by the evidence. Exits 1 if any of it did not happen, and leaves nothing running.

            Examples:
              mlctl demo
              mlctl demo --keep        leaves its folder, for a look at the manifests, logs and journal
            """)

    @Option(help: "Requests a second that the demo sends.") var rate = 400
    @Flag(help: "Keep the demo's folder.") var keep = false

    func validate() throws {
        guard (20...2000).contains(rate) else { throw ValidationError("--rate is 20 to 2000 requests a second") }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-demo-\(UUID().uuidString.prefix(8))")
        let demo = try Demo(folder: folder, ratePerSecond: rate, keepsFolder: keep)
        let report = try await demo.play()
        print(report.table)
        guard report.shortfalls.isEmpty else {
            for shortfall in report.shortfalls { print("not as it should be: \(shortfall)") }
            throw ExitCode(1)
        }
    }
}
