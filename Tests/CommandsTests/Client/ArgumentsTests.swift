import ArgumentParser
import Foundation
import ModelManifests
import Testing

@testable import Commands

@Suite struct ArgumentsTests {
    @Test(
        "the namespace is part of the name, an option, or the default",
        arguments: [
            (["x"], DeploymentKey(name: "x")),
            (["x", "-n", "a"], DeploymentKey(namespace: "a", name: "x")),
            (["a/x"], DeploymentKey(namespace: "a", name: "x")),
            (["a/x", "--namespace", "a"], DeploymentKey(namespace: "a", name: "x")),
        ])
    func deployments(arguments: [String], key: DeploymentKey) throws {
        #expect(try PauseCommand.parse(arguments).deployment.key == key)
    }

    @Test("the option takes precedence over the environment, and both over the default")
    func servers() throws {
        let environment = ["MLCTL_SERVER": "http://b:2"]
        #expect(try ServerOptions.parse([]).client(environment: [:]).server.absoluteString == "http://127.0.0.1:8090")
        #expect(try ServerOptions.parse([]).client(environment: environment).server.absoluteString == "http://b:2")
        let given = try ServerOptions.parse(["--server", "https://a/mlctl"])
        #expect(try given.client(environment: environment).server.absoluteString == "https://a/mlctl")
        #expect(throws: ValidationError.self) {
            try ServerOptions.parse(["--server", "a:8090"]).client(environment: [:])
        }
    }

    @Test("wait accepts the same durations as manifests")
    func timeouts() throws {
        #expect(try WaitCommand.parse(["x", "--for", "healthy"]).timeout.duration == .seconds(600))
        let command = try WaitCommand.parse(["x", "--for", "rolledback", "--timeout", "1h30m", "--commit", "c1"])
        #expect(command.timeout.duration == .seconds(5400) && command.target == .rolledback && command.commit == "c1")
    }
}
