import ArgumentParser
import Foundation
import LocalServing
import ModelManifests
import Serving

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// `mlctl companion`: runs beside the model server in its pod.
struct CompanionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "companion",
        abstract: "Stand beside a model's server in a pod: play its warm-up, show recorded requests to proxies.",
        discussion: """
            Its readiness holds the pod back from traffic until the server has answered the warm-up requests. Exits 2 \
            where these are missing or wrong, 1 where the server does not answer them.
            """)

    @Option(help: "The model's folder.") var folder: String
    @Option(name: .customLong("server-port"), help: "Where the server takes requests, on the loopback.")
    var serverPort: Int
    @Option(name: .customLong("ready-port"), help: "Where its readiness is asked for.") var readyPort: Int?
    @Option(name: .customLong("ready-path"), help: "With what path; without, a connection is enough.")
    var readyPath: String?
    @Option(name: .customLong("warm-up"), help: "A file in the folder with the warm-up requests.") var warmUp: String?
    @Option(name: .customLong("warm-up-path"), help: "Where lines without a path of their own are posted to.")
    var warmUpPath: String?
    @Option(name: .customLong("warm-up-timeout-seconds"), help: "What all of them may take.")
    var warmUpTimeoutSeconds = 60
    @Option(help: "A file in the folder with recorded requests.") var recordings: String?
    @Option(help: "The address to listen on.") var address = "0.0.0.0"
    @Option(help: "The port to listen on.") var port = CompanionPort.number

    func run() async throws {
        // The first process of a container ignores signals that it has no handler for.
        for end in [SIGTERM, SIGINT] { signal(end) { _ in _exit(0) } }
        let companion = PodCompanion(
            PodCompanion.Configuration(
                folder: folder, serverPort: serverPort, readiness: (readyPort ?? serverPort, readyPath),
                warmup: warmUp.map { Warmup(file: $0, path: warmUpPath, timeout: .seconds(warmUpTimeoutSeconds)) },
                recordings: recordings, address: address, port: port))
        do {
            try await companion.run()
        } catch let error as CompanionError {
            throw CommandFailure(error.code == .invalidRequests ? .wrongUsage : .failed, error.message)
        }
    }
}
