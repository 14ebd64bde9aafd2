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

/// What `mlctl run` was told, by its options and by its settings file. `controller/mlctl.yaml` explains each.
struct RunSettings {
    /// Where manifests come from; in the order of the file.
    var projects: [Project] = []
    var listen = "127.0.0.1:8090"
    /// Where other controllers reach this one's API, as HOST:PORT; nil: where it listens, or the pod's address.
    var advertise: String?
    var interval: Duration = .seconds(30)
    var tokenFile: String?
    var access = AccessSettings()
    /// Where the probes answer as well, as HOST:PORT; nil: on the API's address alone.
    var probes: String?
    var webhook: Webhook?
    /// What gates can ask beside the proxy and the servers themselves.
    var sources: [SourceSettings] = []
    /// Serves nothing on this machine.
    var servesNothingLocally = false
    /// Several controllers of the same name work in turn.
    var electsLeader = false
    /// Records in clusters that this controller has not sealed are taken over at the start.
    var adoptsRecords = false
    /// Of the lease; nil: that of the pod, or of the cluster's context.
    var namespace: String?
    /// This controller's among those of its clusters.
    var name = RunSettings.defaultName
    var clusters: [ClusterSettings] = []
    var serving = ClusterServingSettings()

    static let defaultName = "mlctl"

    struct Webhook: Decodable {
        var url: String
        /// A file that holds the secret that signs each message.
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

    /// - Throws: `ValidationError` for a file that cannot be read, or holds what is not known.
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
    ///   - path: for messages.
    /// - Throws: `ValidationError` for what is not known.
    init(reading text: String, path: String) throws {
        let places = SettingsPlaces(reading: text, file: path)
        do {
            let keys = try Yams.compose(yaml: text)?.mapping?.keys.compactMap(\.string) ?? []
            let unknown = keys.filter { !Self.knownKeys.contains($0) }
            guard unknown.isEmpty else {
                let known = Self.knownKeys.sorted()
                throw ValidationError(
                    unknown.map { key in
                        let advice = DidYouMean.suggestion(for: key, among: known, noun: "known are") ?? ""
                        return places.text(SettingsFault(at: [.field(key)], "unknown setting; \(advice)"))
                    }.joined(separator: "\n"))
            }
            guard !keys.isEmpty else { return }
            take(try YAMLDecoder().decode(File.self, from: text))
            let faults = try faults(in: text, path: path)
            guard faults.isEmpty else { throw ValidationError(faults.joined(separator: "\n")) }
        } catch let error as ValidationError {
            throw error
        } catch let error as YamlError {
            throw ValidationError("\(path)\(Self.place(of: error))")
        } catch DecodingError.dataCorrupted(let context) where context.underlyingError is YamlError {
            let error = context.underlyingError as? YamlError
            throw ValidationError("\(path)\(error.map(Self.place) ?? "")")
        } catch {
            throw ValidationError(Self.fault(error).map(places.text) ?? "\(path): \(Self.reason(of: error))")
        }
    }

    private mutating func take(_ file: File) {
        tokenFile = file.tokenFile
        access = AccessSettings(tokens: file.tokens ?? [], tls: file.tls)
        webhook = file.webhook
        sources = file.sources ?? []
        name = file.name ?? name
        clusters = file.clusters ?? []
        serving = file.serving
    }

    /// What no field can see alone, and what is read by others; each with its place.
    private mutating func faults(in text: String, path: String) throws -> [String] {
        let places = SettingsPlaces(reading: text, file: path)
        var faults: [String] = []
        func gather(_ work: () throws -> Void) throws {
            do {
                try work()
            } catch {
                guard let fault = Self.fault(error) else { throw error }
                faults.append(places.text(fault))
            }
        }
        try gather { try access.check() }
        try gather { try SourceSettings.check(sources) }
        try gather { try checkClusters() }
        try gather { try checkWebhook() }
        let read = ProjectSettings(reading: text, file: path, clusters: clusters.map(\.name))
        faults += read.diagnostics.map(\.description)
        guard read.diagnostics.isEmpty else { return faults }
        projects = read.projects
        try gather { try checkProjects(of: access) }
        faults += projects.enumerated().flatMap(Self.gitFaults).map(places.text)
        return faults
    }

    /// What is wrong with the file's YAML, behind its path.
    private static func place(of error: YamlError) -> String {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            ":\(mark.line):\(mark.column): \([context?.text, problem].compactMap(\.self).joined(separator: ", "))"
        case .reader(let problem, let offset, _, _):
            ": \(problem)\(offset.map { " at character \($0)" } ?? "")"
        case .duplicatedKeysInMapping(let names, let context):
            ":\(context.mark.line):\(context.mark.column): \(names.sorted().prefix(3).joined(separator: ", ")) "
                + "stands there twice"
        default: ": it is no YAML that can be read"
        }
    }

    private func checkClusters() throws {
        var names: Set<String> = []
        for (index, cluster) in clusters.enumerated() {
            let place: [SettingsStep] = [.field("clusters"), .index(index), .field("name")]
            guard !cluster.name.isEmpty else { throw SettingsFault(at: place, "each must have a name") }
            guard names.insert(cluster.name).inserted else {
                throw SettingsFault(at: place, "cluster '\(cluster.name)' is there twice")
            }
        }
        guard (1...Self.mostProxyReplicas).contains(serving.proxyReplicas) else {
            throw SettingsFault(at: [.field("proxyReplicas")], "must be 1 to \(Self.mostProxyReplicas)")
        }
    }

    private static let mostProxyReplicas = 100

    private func checkWebhook() throws {
        guard let webhook else { return }
        do {
            _ = try WebhookAddress(webhook.url)
        } catch {
            throw SettingsFault(
                at: [.field("webhook"), .field("url")], (error as? NotificationError)?.message ?? "\(error)")
        }
    }

    private func checkProjects(of access: AccessSettings) throws {
        // Without any, the controller is started with --repo: its one project is nobody's to name.
        guard !projects.isEmpty else { return }
        let names = projects.map(\.name)
        for (index, token) in access.tokens.enumerated() {
            for (place, project) in (token.projects ?? []).enumerated() where !names.contains(project) {
                let advice = DidYouMean.suggestion(for: project, among: names, noun: "there are") ?? ""
                throw SettingsFault(
                    at: [.field("tokens"), .index(index), .field("projects"), .index(place)],
                    "'\(token.name)': there is no project '\(project)'; \(advice)")
            }
        }
    }

    /// What git would refuse of a project: its address, what is read of it, and the folder.
    private static func gitFaults(_ index: Int, of project: Project) -> [SettingsFault] {
        let place: [SettingsStep] = [.field("projects"), .index(index)]
        var faults: [SettingsFault] = []
        func gather(_ field: [String], _ work: () throws(GitError) -> Void) {
            do {
                try work()
            } catch {
                faults.append(
                    SettingsFault(
                        at: place + field.map { .field($0) }, "project '\(project.name)': \(error.message)"))
            }
        }
        gather(["repo"]) { () throws(GitError) in _ = try GitLocation(project.repo) }
        gather(["ref", project.reference.field]) { () throws(GitError) in _ = try project.gitReference }
        guard faults.isEmpty else { return faults }
        let other = project.credentials == nil ? "path" : project.tokenFile == nil ? "credentialsFile" : "tokenFile"
        gather([other]) { () throws(GitError) in _ = try project.gitConfiguration(mirror: "/") }
        return faults
    }

    /// What the manifests of a project are held against.
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

    /// Names the manifests that the controller follows, for those who find its objects in a cluster. No credentials are in it:
    /// a hash of them would be one that can be guessed.
    var sourceIdentity: String {
        projects.map { "\(GitLocation.identity(of: $0.repo))\n\($0.reference)\n\($0.path)" }.joined(separator: "\n\n")
    }

    /// What a decoder knows, with its place in the file; nil where it knows none.
    private static func fault(_ error: any Error) -> SettingsFault? {
        func fault(_ context: DecodingError.Context, _ message: String? = nil) -> SettingsFault {
            SettingsFault(at: context.codingPath.map(SettingsStep.init), message ?? context.debugDescription)
        }
        switch error {
        case let error as SourceSettings.Fault: return error.fault
        case let error as SettingsFault: return error
        case DecodingError.dataCorrupted(let context):
            return context.underlyingError.flatMap(self.fault) ?? fault(context)
        case DecodingError.keyNotFound(let key, let context):
            return SettingsFault(at: (context.codingPath + [key]).map(SettingsStep.init), "is missing")
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            return fault(context)
        default: return nil
        }
    }

    private static func reason(of error: any Error) -> String { error.localizedDescription }

    /// For those who stand by: the address that is listened on; for one that is all addresses, that of the pod
    /// (`POD_IP`), else this machine's name.
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
