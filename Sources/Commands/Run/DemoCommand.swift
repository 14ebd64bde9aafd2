import ArgumentParser
import ControlAPI
import Demo
import Foundation

/// `mlctl demo`: a good and a bad release on this machine.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run a good and a bad release on this machine, in about a minute.",
        discussion: """
            Creates a temporary folder with a git repository, and runs real model servers and a steady load. \
            Version 1 serves. Version 2 is committed, passes its gates and is promoted. Version 3 is committed, fails on \
            real inputs and is rolled back. Exits 1 if any of this did not happen, and leaves nothing running.

            Examples:
              mlctl demo
              mlctl demo --keep        keeps the folder with the manifests, logs and journal
            """)

    @Option(help: "The number of requests per second.") var rate = 400
    @Flag(help: "Keep the demo folder.") var keep = false

    func validate() throws {
        guard (20...2000).contains(rate) else {
            throw ValidationError("--rate must be from 20 to 2000 requests per second")
        }
    }

    func run() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-demo-\(UUID().uuidString.prefix(8))")
        let demo = DemoRun(folder: folder, ratePerSecond: rate, keepsFolder: keep, connect: Self.controller)
        let report = try await demo.play()
        print(report.table)
        print("Now yours: mlctl init --model FILE-OR-FOLDER, or mlctl init for a small example.")
        guard report.shortfalls.isEmpty else {
            for shortfall in report.shortfalls { print("failed: \(shortfall)") }
            throw ExitCode(1)
        }
    }

    private static func controller(of state: URL) async -> ControlClient? {
        guard let record = ControllerRecord.read(in: state), ControllerRecord.hasSocket(in: state),
            let server = URL(string: record.api),
            let client = try? ControlClient(
                socket: ControllerRecord.socket(in: state).path(percentEncoded: false), of: server),
            (try? await client.isReady()) == true
        else { return nil }
        return client
    }
}
