import ArgumentParser
import ControlAPI
import Foundation

/// Which controller a command talks to.
struct ServerOptions: ParsableArguments {
    static let defaultServer = "http://127.0.0.1:8090"

    @Option(
        help: ArgumentHelp(
            "The controller's address. (default: MLCTL_SERVER, else \(Self.defaultServer))", valueName: "url"))
    var server: String?

    @Option(help: "The controller's token. (default: MLCTL_TOKEN, which other users of the machine cannot see)")
    var token: String?

    /// - Throws: `ValidationError` where the address is none.
    func client(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> ControlClient {
        let given = [server, environment["MLCTL_SERVER"]].compactMap { $0 }.first { !$0.isEmpty }
        let text = given ?? Self.defaultServer
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
            throw ValidationError("'\(text)' is no address of a controller; write it as \(Self.defaultServer)")
        }
        return ControlClient(server: url, token: token ?? environment["MLCTL_TOKEN"])
    }
}
