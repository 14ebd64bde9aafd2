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
    /// Programs that fetch models for this machine.
    var fetchers: [FetcherSettings] = []

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
        var fetchers: [FetcherSettings]?
        var name: String?
        var clusters: [ClusterSettings]?
        var image: String?
        var proxyReplicas: Int?
        var imagePullSecrets: [String]?
        var proxyControlFrom: [ProxyControlPeer]?

        var serving: ClusterServingSettings {
            var serving = ClusterServingSettings()
            serving.image = image ?? serving.image
            serving.proxyReplicas = proxyReplicas ?? serving.proxyReplicas
            serving.imagePullSecrets = imagePullSecrets ?? serving.imagePullSecrets
            serving.proxyControlFrom = proxyControlFrom ?? serving.proxyControlFrom
            return serving
        }
    }

    static let knownKeys: Set<String> = [
        "clusters", "fetchers", "image", "imagePullSecrets", "name", "projects", "proxyControlFrom", "proxyReplicas",
        "sources",
        "tls", "tokenFile", "tokens", "webhook",
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
        let places = SettingsPlaces(reading: text, file: path)
        do {
            guard let root = try Yams.compose(yaml: text) else { return }
            guard let settings = root.mapping else {
                _ = try YAMLDecoder().decode(File.self, from: text)  // Says what it is instead.
                return
            }
            guard !settings.isEmpty else { return }
            var faults = Self.unknownKeys(settings).map(places.text)
            let (readable, wrong) = try Self.sift(settings)
            faults += wrong.map(places.text)
            take(try YAMLDecoder().decode(File.self, from: readable))
            for index in access.tokens.indices {
                access.tokens[index].place = places.position(of: [.field("tokens"), .index(index), .field("file")])
            }
            faults += try self.faults(in: text, path: path)
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

    private static func unknownKeys(_ settings: Node.Mapping) -> [SettingsFault] {
        let known = knownKeys.sorted()
        return settings.keys.compactMap(\.string).filter { !knownKeys.contains($0) }.map { key in
            let advice = DidYouMean.suggestion(for: key, among: known, noun: "the settings are") ?? ""
            return SettingsFault(at: [.field(key)], "unknown setting; \(advice)")
        }
    }

    /// Reads each setting, and each entry of a list, alone, so that one error hides no other.
    ///
    /// - Returns: the settings that can be read, and what is wrong with the others.
    /// - Throws: an error that is about no field.
    private static func sift(_ settings: Node.Mapping) throws -> (readable: Node, faults: [SettingsFault]) {
        var readable: [(Node, Node)] = []
        var faults: [SettingsFault] = []
        func problem(_ key: Node, _ value: Node) throws -> SettingsFault? {
            do {
                _ = try YAMLDecoder().decode(File.self, from: Node([(key, value)]))
                return nil
            } catch {
                guard let fault = fault(error) else { throw error }
                return fault
            }
        }
        for (key, value) in settings where key.string.map(knownKeys.contains) == true {
            guard let whole = try problem(key, value) else {
                readable.append((key, value))
                continue
            }
            let before = faults.count
            for (index, entry) in (value.sequence ?? []).enumerated() {
                guard var fault = try problem(key, Node([entry])) else { continue }
                if fault.path.count > 1, case .index = fault.path[1] { fault.path[1] = .index(index) }
                faults.append(fault)
            }
            if faults.count == before { faults.append(whole) }
        }
        return (Node(readable), faults)
    }

    private mutating func take(_ file: File) {
        tokenFile = file.tokenFile
        access = AccessSettings(tokens: file.tokens ?? [], tls: file.tls)
        webhook = file.webhook
        sources = file.sources ?? []
        fetchers = file.fetchers ?? []
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
        faults += access.faults.map(places.text)
        try gather { try SourceSettings.check(sources) }
        try gather { try FetcherSettings.check(fetchers) }
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
        for (index, cluster) in clusters.enumerated() {
            let place: [SettingsStep] = [.field("clusters"), .index(index), .field("name")]
            guard !cluster.name.isEmpty else { throw SettingsFault(at: place, "each cluster needs a name") }
            guard names.insert(cluster.name).inserted else {
                throw SettingsFault(at: place, "cluster '\(cluster.name)' is given twice")
            }
        }
        guard (1...Self.mostProxyReplicas).contains(serving.proxyReplicas) else {
            throw SettingsFault(at: [.field("proxyReplicas")], "must be from 1 to \(Self.mostProxyReplicas)")
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
        // Without projects the controller is started with --repo, whose project has no name that a token could use.
        guard !projects.isEmpty else { return }
        let names = projects.map(\.name)
        for (index, token) in access.tokens.enumerated() {
            for (place, project) in (token.projects ?? []).enumerated() where !names.contains(project) {
                let advice = DidYouMean.suggestion(for: project, among: names, noun: "the projects are") ?? ""
                throw SettingsFault(
                    at: [.field("tokens"), .index(index), .field("projects"), .index(place)],
                    "'\(token.name)': project '\(project)' does not exist; \(advice)")
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
        case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
            return fault(context, context.debugDescription.hasPrefix("Expected to decode") ? wanted(type) : nil)
        default: return nil
        }
    }

    /// What a setting should be, in words. The decoder's own text names its types.
    private static func wanted(_ type: any Any.Type) -> String {
        let name = "\(type)"
        let wanted =
            switch name {
            case _ where name.contains("Sequence") || name.hasPrefix("Array"): "must be a list"
            case _ where name.contains("Mapping") || name.hasPrefix("Dictionary"):
                "must be a mapping of names to values"
            case _ where name.contains("Scalar") || name == "String": "must be text"
            case "Bool": "must be true or false"
            case _ where name.hasPrefix("Int") || name.hasPrefix("UInt"): "must be a whole number"
            case "Double", "Float": "must be a number"
            default: "has the wrong type of value"
            }
        return "\(wanted), as in controller/mlctl.yaml"
    }

    private static func reason(of error: any Error) -> String { error.localizedDescription }

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
