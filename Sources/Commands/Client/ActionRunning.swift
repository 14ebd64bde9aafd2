import ControlAPI
import Controller
import Foundation
import ModelManifests
import Rollouts

/// A command that asks the controller to do one thing to one deployment, and prints the resulting status.
protocol ActionRunning {
    var deployment: DeploymentArguments { get }
    var server: ServerOptions { get }
}

extension ActionRunning {
    func act(_ verb: OperatorCommand.Verb) async throws {
        let key = try deployment.key
        let command = OperatorCommand(verb, claimedActor: NSUserName())
        let status = try await server.client().act(command, on: key)
        try Console.standard.print(["\(key): \(status.summary)"])
    }
}
