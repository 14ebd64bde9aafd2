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
        abstract:
            "Run beside a model server in a pod: send its warm-up requests, and serve recorded requests to proxies.",
        discussion: """
            The pod gets no traffic until the server has answered the warm-up requests. Exits 2 \
            if these are missing or invalid, 1 if the server does not answer them.
            """)

    @Option(help: "The model's folder.") var folder: String
    @Option(name: .customLong("server-port"), help: "The server's port, on the loopback.")
    var serverPort: Int
    @Option(name: .customLong("ready-port"), help: "The port of the server's readiness probe. Default: --server-port.")
    var readyPort: Int?
    @Option(name: .customLong("ready-path"), help: "The path of the readiness probe. Default: a connection is enough.")
    var readyPath: String?
    @Option(name: .customLong("warm-up"), help: "A file in the folder with the warm-up requests.") var warmUp: String?
    @Option(name: .customLong("warm-up-path"), help: "The path for lines without their own path.")
    var warmUpPath: String?
    @Option(name: .customLong("warm-up-timeout-seconds"), help: "The time for all warm-up requests together.")
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
