import ArgumentParser
import ControlAPI
import Foundation
import Glibc
import Presentation
import SafeText
import Transport

/// Which controller a command talks to, and how it authenticates.
///
/// A command reaches a controller on this machine through the socket in its state folder, where the kernel identifies both
/// ends. So the controller's own user needs no token, and a program that has taken the controller's port gets nothing. The
/// controller is found by `--state-dir`, or by an address at which a controller of this user has registered itself.
struct ServerOptions: ParsableArguments {
    static let defaultServer = "http://127.0.0.1:8090"

    @Option(
        help: ArgumentHelp(
            "The controller's address, http: or https:. (default: MLCTL_SERVER, else the controller of the state folder, "
                + "else \(Self.defaultServer))", valueName: "url"))
    var server: String?

    @Option(
        help: """
            The token for the API. It signs requests, and is itself sent only over https:. (default: MLCTL_TOKEN, which other \
            users of the machine cannot see; a controller of this user needs none)
            """)
    var token: String?

    @Option(
        name: .customLong("ca-file"),
        help: "For https: certificate authorities (PEM) in addition to the machine's own. (default: MLCTL_CA_FILE)")
    var caFile: String?

    @Option(
        name: .customLong("cert-file"),
        help: "For https: the client certificate (PEM). (default: MLCTL_CERT_FILE)")
    var certFile: String?

    @Option(name: .customLong("key-file"), help: "The key of the client certificate. (default: MLCTL_KEY_FILE)")
    var keyFile: String?

    @OptionGroup var state: StateOption

    /// Whether the user specified a controller.
    var isNamed: Bool {
        server != nil || state.directory != nil
            || ProcessInfo.processInfo.environment["MLCTL_SERVER"]?.isEmpty == false
    }

    private func wish(_ environment: [String: String]) -> ControllerAddress.Wish {
        ControllerAddress.Wish(
            server: server, state: state.directory, environmentServer: environment["MLCTL_SERVER"],
            environmentState: environment["MLCTL_STATE_DIR"])
    }

    /// - Throws: `ValidationError` where the address is invalid, or a given file cannot be used.
    func client(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        registry: ControllerRegistry = ControllerRegistry()
    ) throws -> ControlClient {
        let token = [token, environment["MLCTL_TOKEN"]].compactMap { $0 }.first { !$0.isEmpty }
        switch ControllerAddress(wish(environment)) {
        case .state:
            return try stateClient(state.url, token: token)
        case .address(let text):
            return try client(at: text, token: token, environment, registry)
        case .usual:
            if ControllerRecord.hasSocket(in: state.url) { return try stateClient(state.url, token: token) }
            return try client(at: Self.defaultServer, token: token, environment, registry)
        }
    }

    private func stateClient(_ folder: URL, token: String?) throws -> ControlClient {
        guard ControllerRecord.hasSocket(in: folder) else {
            let path = folder.path(percentEncoded: false)
            throw ControlClientError.unreachable(
                server: path, reason: "the folder has no socket \(ControllerRecord.socketName)")
        }
        return try localClient(folder, token: token)
    }

    private func localClient(_ folder: URL, token: String?) throws -> ControlClient {
        let api = ControllerRecord.read(in: folder).flatMap { URL(string: $0.api) }
        guard let server = api ?? URL(string: Self.defaultServer) else {
            throw ValidationError("'\(Self.defaultServer)' is not an address")
        }
        return try ControlClient(
            socket: ControllerRecord.socket(in: folder).path(percentEncoded: false), of: server, token: token)
    }

    private func client(
        at text: String, token: String?, _ environment: [String: String], _ registry: ControllerRegistry
    ) throws -> ControlClient {
        guard UserInfo.of(text) == nil else {
            throw ValidationError(
                "the controller's address \(UserInfo.problem): give a token by MLCTL_TOKEN or --token instead")
        }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
            throw ValidationError("'\(text)' is not the address of a controller; write it as \(Self.defaultServer)")
        }
        if let folder = localFolder(of: url, registry) { return try localClient(folder, token: token) }
        do {
            return try ControlClient(server: url, token: token, trust: try trust(environment))
        } catch let problem as CertificateProblem {
            throw ValidationError(problem.description)
        }
    }

    /// The state folder of this user's controller that listens at the address; nil where there is none.
    private func localFolder(of url: URL, _ registry: ControllerRegistry) -> URL? {
        guard ControllerAddress.isLocal(url), let port = url.port else { return nil }
        let registered = registry.entries(port: port).map {
            URL(filePath: $0.stateDirectory, directoryHint: .isDirectory)
        }
        return (registered + [state.url]).first { folder in
            guard let record = ControllerRecord.read(in: folder), ControllerRecord.hasSocket(in: folder) else {
                return false
            }
            return ControllerAddress.isSame(record.api, as: url)
        }
    }

    private func trust(_ environment: [String: String]) throws -> ClientTrust {
        func bytes(_ option: String?, _ variable: String, as use: TrustRules.Use) throws -> [UInt8]? {
            guard let path = [option, environment[variable]].compactMap({ $0 }).first(where: { !$0.isEmpty }) else {
                return nil
            }
            do {
                if let problem = try TrustedPlaces.problem(with: path, as: use) { throw problem }
                return try TokenFile.bytes(of: path, most: AccessFiles.mostPEMBytes)
            } catch {
                throw ValidationError("\(error)")
            }
        }
        let trust = ClientTrust(
            authorities: try bytes(caFile, "MLCTL_CA_FILE", as: .settings),
            certificates: try bytes(certFile, "MLCTL_CERT_FILE", as: .settings),
            key: try bytes(keyFile, "MLCTL_KEY_FILE", as: .secret))
        guard (trust.certificates == nil) == (trust.key == nil) else {
            throw ValidationError("--cert-file and --key-file must be given together")
        }
        return trust
    }
}
