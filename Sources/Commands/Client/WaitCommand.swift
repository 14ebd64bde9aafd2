import ArgumentParser
import ControlAPI
import ControlPorts
import Foundation
import ModelManifests
import Presentation

struct WaitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until a deployment is healthy or rolled back. For CI.",
        discussion: """
            Give --commit: then only the state that this commit or a descendant asks for counts. Without it, a rollout \
            that has not begun yet looks like one that has ended.

            Exit codes: 0 reached; 2 invalid manifest; 3 waited for healthy, but the version was rolled back; \
            4 timed out; 5 controller unreachable.

            Examples:
              mlctl wait fraud-scorer --for healthy --commit $(git rev-parse HEAD)
              mlctl wait payments/fraud-scorer --for rolledback --timeout 90s
            """)

    @OptionGroup var deployment: DeploymentArguments

    @Option(
        name: .customLong("for"), help: ArgumentHelp("What to wait for: healthy or rolledback.", valueName: "state"))
    var target: WaitGoal.Target

    @Option(help: ArgumentHelp("Wait for this commit or a descendant of it.", valueName: "commit"))
    var commit: String?

    @Option(help: ArgumentHelp("The longest time to wait.", valueName: "duration"))
    var timeout: DurationArgument = DurationArgument(duration: .seconds(600), text: "10m")

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let client = try server.client()
        let goal = WaitGoal(deployment: try await key(by: client), target: target, commit: commit)
        let console = Console.standard
        let waiter = Waiter(goal: goal, client: client, timeout: timeout) { console.note($0) }
        try console.print([try await waiter.run()])
    }

    /// Where the controller cannot be asked yet, the waiter tries again by itself.
    private func key(by client: ControlClient) async throws -> DeploymentKey {
        do {
            return try await deployment.key(by: client)
        } catch is ControlClientError {
            return try deployment.key
        } catch is ControlError {
            return try deployment.key
        }
    }
}

extension WaitGoal.Target: ExpressibleByArgument {}
