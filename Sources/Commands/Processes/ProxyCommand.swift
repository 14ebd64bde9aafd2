import ArgumentParser
import Foundation
import Logging
import TrafficProxy

/// `mlctl proxy`: the data plane.
struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Route requests to revisions by their weights, and count what they answer.",
        discussion: "Started by the controller, and lives on without it. SIGTERM finishes what is under way.")

    @OptionGroup var state: StateOption

    func run() async throws {
        let logger = Logger(label: "mlctl.proxy") { _ in PlainLogHandler() }
        try await TrafficProxy(
            configuration: TrafficProxyConfiguration(
                stateDirectory: state.url.path(percentEncoded: false), logger: logger)
        ).run()
    }
}
