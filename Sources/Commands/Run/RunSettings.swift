import ArgumentParser
import ControlAPI
import Foundation
import GitSource
import KubernetesClient
import KubernetesServing
import MetricSources
import ModelManifests
import Notifications
import Yams

/// The settings of `mlctl run`, from its options and its settings file. `controller/mlctl.yaml` explains each.
struct RunSettings {
    /// The projects, in the order of the file.
    var projects: [Project] = []
    var listen = "127.0.0.1:8090"
    /// Where other controllers reach this one's API, as HOST:PORT; nil means its own address, or the pod's.
    var advertise: String?
    var interval: Duration = .seconds(30)
    var tokenFile: String?
    var access = AccessSettings()
    /// The second address for probes, as HOST:PORT; nil means only the API's address.
    var probes: String?
    var webhook: Webhook?
    /// The sources that gates can ask, besides the proxy and the servers themselves.
    var sources: [SourceSettings] = []
    /// Serves nothing on this machine.
    var servesNothingLocally = false
    /// Elects a leader among several controllers of the same name.
    var electsLeader = false
    /// At the start, accepts records in clusters without this controller's seal.
    var adoptsRecords = false
    /// The namespace of the lease; nil means that of the pod, or of the cluster's context.
    var namespace: String?
    /// The controller's name, which distinguishes it from others in its clusters.
    var name = RunSettings.defaultName
    var clusters: [ClusterSettings] = []
    var serving = ClusterServingSettings()

    static let defaultName = "mlctl"

    struct Webhook: Decodable {
        var url: String
        /// A file with the secret that signs each message.
        var secretFile: String
    }

    private struct File: Decodable {
        var tokenFile: String?
        var tokens: [AccessSettings.Token]?
        var tls: AccessSettings.TLS?
        var webhook: Webhook?
        var sources: [SourceSettings]?
        var name: String?
        var clusters: [ClusterSettings]?
        var image: String?
        var proxyReplicas: Int?
        var imagePullSecrets: [String]?
        var proxyControlFrom: [ProxyControlPeer]?
        var storageInitializer: StorageInitializer?

        struct StorageInitializer: Decodable {
            var image: String
        }

        var serving: ClusterServingSettings {
            var serving = ClusterServingSettings()
            serving.image = image ?? serving.image
            serving.proxyReplicas = proxyReplicas ?? serving.proxyReplicas
            serving.imagePullSecrets = imagePullSecrets ?? serving.imagePullSecrets
            serving.proxyControlFrom = proxyControlFrom ?? serving.proxyControlFrom
            serving.storageInitializerImage = storageInitializer?.image ?? serving.storageInitializerImage
            return serving
        }
    }

    static let knownKeys: Set<String> = [
        "clusters", "image", "imagePullSecrets", "name", "projects", "proxyControlFrom", "proxyReplicas", "sources",
        "storageInitializer", "tls", "tokenFile", "tokens", "webhook",
    ]

    init() {}

    /// - Throws: `ValidationError` where the file cannot be read or has unknown settings.
    init(contentsOf path: String) throws {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ValidationError("\(path): \(Self.reason(of: error))")
        }
        try self.init(reading: text, path: path)
    }

    /// - Parameters:
    ///   - text: the whole file.
    ///   - path: the file's path, for messages.
    /// - Throws: `ValidationError` where there are unknown settings or wrong values.
    init(reading text: String, path: String) throws {
        do {
            let keys = try Yams.compose(yaml: text)?.mapping?.keys.compactMap(\.string) ?? []
            let unknown = keys.filter { !Self.knownKeys.contains($0) }
            guard unknown.isEmpty else {
                throw ValidationError(
                    "\(path): unknown setting \(unknown.joined(separator: ", ")); the settings are \(Self.knownKeys.sorted().joined(separator: ", "))"
                )
            }
            guard !keys.isEmpty else { return }
            let file = try YAMLDecoder().decode(File.self, from: text)
            tokenFile = file.tokenFile
            access = AccessSettings(tokens: file.tokens ?? [], tls: file.tls)
            try access.check()
            webhook = file.webhook
            sources = file.sources ?? []
            try SourceSettings.check(sources)
            name = file.name ?? name
            clusters = file.clusters ?? []
            serving = file.serving
            try checkClusters()
            let read = ProjectSettings(
                reading: text, file: path, clusters: clusters.map(\.name))
            guard read.diagnostics.isEmpty else {
                throw ValidationError(read.diagnostics.map(\.description).joined(separator: "\n"))
            }
            projects = read.projects
            try checkProjects(of: access)
        } catch let error as ValidationError {
            throw error
        } catch let error as YamlError {
            throw ValidationError("\(path)\(Self.place(of: error))")
        } catch DecodingError.dataCorrupted(let context) where context.underlyingError is YamlError {
            let error = context.underlyingError as? YamlError
            throw ValidationError("\(path)\(error.map(Self.place) ?? "")")
        } catch {
            throw ValidationError("\(path): \(Self.reason(of: error))")
        }
    }

    /// The place and problem of a YAML error, to follow the file's path.
    private static func place(of error: YamlError) -> String {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            ":\(mark.line):\(mark.column): \([context?.text, problem].compactMap(\.self).joined(separator: ", "))"
        case .reader(let problem, let offset, _, _):
            ": \(problem)\(offset.map { " at character \($0)" } ?? "")"
        case .duplicatedKeysInMapping(let names, let context):
            ":\(context.mark.line):\(context.mark.column): \(names.sorted().prefix(3).joined(separator: ", ")) "
                + "is given twice"
        default: ": it is not valid YAML"
        }
    }

    private func checkClusters() throws {
        var names: Set<String> = []
        for cluster in clusters {
            guard !cluster.name.isEmpty else { throw SettingsFault("clusters: each cluster needs a name") }
            guard names.insert(cluster.name).inserted else {
                throw SettingsFault("cluster '\(cluster.name)' is given twice")
            }
        }
        guard (1...Self.mostProxyReplicas).contains(serving.proxyReplicas) else {
            throw SettingsFault("proxyReplicas: must be from 1 to \(Self.mostProxyReplicas)")
        }
    }

    private static let mostProxyReplicas = 100

    private func checkProjects(of access: AccessSettings) throws {
        // Without projects the controller is started with --repo, whose project has no name that a token could use.
        guard !projects.isEmpty else { return }
        let names = projects.map(\.name)
        for token in access.tokens {
            for project in token.projects ?? [] where !names.contains(project) {
                let advice = DidYouMean.suggestion(for: project, among: names, noun: "the projects are") ?? ""
                throw SettingsFault("tokens: '\(token.name)': project '\(project)' does not exist; \(advice)")
            }
        }
    }

    private struct SettingsFault: Error {
        var message: String

        init(_ message: String) { self.message = message }
    }

    /// The rules that a project's manifests are checked against.
    func rules(of project: Project) -> ProjectRules {
        let programs = sources.compactMap { source -> (String, String)? in
            guard case .command(let settings) = source.kind else { return nil }
            return (source.name, settings.command.first ?? "")
        }
        return ProjectRules(
            project: project.name, policy: project.policy,
            commandSources: Dictionary(programs) { first, _ in first },
            onlyCluster: clusters.count == 1 ? clusters[0].name : nil)
    }

    /// Identifies the manifests of this controller, for controllers that find its objects in a cluster. It contains no
    /// credentials,
    /// not even a hash, which could be guessed.
    var sourceIdentity: String {
        projects.map { "\(GitLocation.identity(of: $0.repo))\n\($0.reference)\n\($0.path)" }.joined(separator: "\n\n")
    }

    /// The reason of a decoding error, without its wrapping.
    private static func reason(of error: any Error) -> String {
        switch error {
        case let fault as SourceSettings.Fault: fault.message
        case let fault as SettingsFault: fault.message
        case let fault as AccessFault: fault.description
        case DecodingError.dataCorrupted(let context): context.underlyingError.map(reason) ?? context.debugDescription
        case DecodingError.keyNotFound(let key, let context): place(context.codingPath + [key]) + "is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            place(context.codingPath) + context.debugDescription
        default: error.localizedDescription
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "" : path.map(\.stringValue).joined(separator: ".") + ": "
    }

    /// The API's address for controllers on standby: the listen address, or, where that means all addresses, the pod's (`POD_IP`)
    /// or this machine's name.
    func advertisedAPI(
        listeningAt address: ListenAddress, environment: [String: String] = ProcessInfo.processInfo.environment,
        machine: String = ProcessInfo.processInfo.hostName
    ) -> String {
        if let advertise { return "\(access.scheme)://\(advertise)" }
        guard ["0.0.0.0", "::"].contains(address.host) else { return "\(access.scheme)://\(address)" }
        let pod = environment["POD_IP"].flatMap { $0.isEmpty ? nil : $0 }
        return "\(access.scheme)://\(ListenAddress(host: pod ?? machine, port: address.port))"
    }
}
