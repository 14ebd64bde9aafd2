import AsyncHTTPClient
import ControlAPI
import Foundation
import GitSource
import KubernetesClient
import KubernetesServing
import MetricSources
import ModelManifests

/// Asks those whom the controller asks: git servers, API servers and metric sources; and its own API, as a stranger would.
struct NetworkLooks: Sendable {
    static let callLimit: Duration = .seconds(8)
    private static let callLimitSeconds: Int64 = 8
    /// Of the API: it shows nothing to strangers.
    private static let deployments = "/api/v1/deployments"
    private static let questionsAtOnce = 8

    let installation: ExaminedInstallation

    // MARK: Metric sources

    func sources() async -> [Finding] {
        guard let settings = installation.known else {
            return [.notLookedAt(.sourceReachable, "the settings cannot be read")]
        }
        guard !settings.sources.isEmpty else {
            return [.notApplicable(.sourceReachable, "the settings name no source beside those that are always there")]
        }
        return await withTaskGroup(of: [Finding].self) { group in
            for source in settings.sources { group.addTask { await Self.findings(of: source) } }
            return await group.reduce(into: []) { $0 += $1 }.sorted { $0.message < $1.message }
        }
    }

    private static func findings(of source: SourceSettings) async -> [Finding] {
        let asked = Date()
        guard let answer = await SourceProbe().ask(source, within: callLimit) else {
            return [
                .notApplicable(
                    .sourceReachable, "source '\(source.name)' is a program, which is started for gates alone")
            ]
        }
        return SourceFindings.source(
            source.name, asked: answer.asked, problem: answer.problem?.message, believesAnybody: source.believesAnybody)
            + skew(answer.date, of: "source '\(source.name)'", since: asked)
    }

    private static func skew(_ date: String?, of whose: String, since asked: Date) -> [Finding] {
        guard let date, let theirs = ClockFindings.date(date) else { return [] }
        return [
            ClockFindings.skew(ClockFindings.Seen(whose: whose, theirs: theirs, asked: asked, answered: Date()))
        ]
    }

    // MARK: Git servers

    /// What their clocks say: nothing is sent that would be kept secret.
    func gitClocks() async -> [Finding] {
        let origins = Set(
            (installation.known?.projects ?? []).compactMap { project -> String? in
                guard let location = try? GitLocation(project.repo), location.transport == .https,
                    let url = URL(string: location.address), let host = url.host(percentEncoded: true)
                else { return nil }
                return "https://\(host.contains(":") ? "[\(host)]" : host):\(url.port ?? 443)/"
            })
        guard !origins.isEmpty else { return [] }
        return await withTaskGroup(of: [Finding].self) { group in
            for origin in origins {
                group.addTask {
                    let asked = Date()
                    guard let answer = try? await Self.head(origin), answer.date != nil else {
                        return [.notLookedAt(.clockSkew, "git server \(origin) does not say what time it is")]
                    }
                    return Self.skew(answer.date, of: "git server \(origin)", since: asked)
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func head(_ url: String) async throws -> (status: Int, date: String?) {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        defer { client.shutdown { _ in } }
        let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(callLimitSeconds))
        return (Int(response.status.code), response.headers.first(name: "date"))
    }

    // MARK: The API

    /// What the API shows to somebody without a token.
    func anonymous() async -> [Finding] {
        guard installation.controller != nil, let record = ControllerRecord.read(in: installation.state),
            let url = URL(string: record.api), let port = url.port
        else { return [.notApplicable(.apiAnonymous, "no controller runs")] }
        guard url.scheme == "http" else {
            return [.notLookedAt(.apiAnonymous, "the API speaks TLS, and its authority is not known here")]
        }
        let host = url.host(percentEncoded: false).flatMap { ["0.0.0.0", "::"].contains($0) ? nil : $0 } ?? "127.0.0.1"
        let address = ListenAddress(host: host, port: port)
        do {
            let answer = try await Self.head("http://\(address)\(Self.deployments)")
            return [ListeningFindings.anonymous(.answered(status: answer.status))]
        } catch {
            return [ListeningFindings.anonymous(.silent(reason: "\(error)"))]
        }
    }

    // MARK: Clusters

    func clusters() async -> [Finding] {
        guard let settings = installation.known else {
            return [CheckID.clusterReachable, .rightsCluster].map { .notLookedAt($0, "the settings cannot be read") }
        }
        let isPod = ClusterConnection.isPod(installation.environment)
        let clusters = ClusterSites.clusters(settings, isPod: isPod)
        guard !clusters.isEmpty else {
            return [CheckID.clusterReachable, .rightsCluster].map { .notApplicable($0, "the settings name no cluster") }
        }
        let environment = installation.environment
        return await withTaskGroup(of: [Finding].self) { group in
            for cluster in clusters {
                group.addTask {
                    do {
                        let api = try cluster.api(environment: environment).once(within: Self.callLimit)
                        return await ClusterLook(api: api, cluster: cluster).findings()
                    } catch {
                        let words = (error as? APIError)?.message ?? "\(error)"
                        return ClusterLook.unreachable(cluster, words)
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    /// One cluster.
    struct ClusterLook: Sendable {
        var api: KubernetesAPI
        var cluster: ClusterSettings

        static func unreachable(_ cluster: ClusterSettings, _ words: String) -> [Finding] {
            [
                .problem(
                    .clusterReachable, "cluster '\(cluster.name)': \(words)",
                    "Try it as the controller's user: kubectl"
                        + "\(cluster.kubeconfig.map { " --kubeconfig \($0)" } ?? "")"
                        + "\(cluster.context.map { " --context \($0)" } ?? "") version"),
                .notLookedAt(.rightsCluster, "cluster '\(cluster.name)' does not answer"),
            ]
        }

        func findings() async -> [Finding] {
            let asked = Date()
            do {
                let response = try await api.transport.send(APIRequest(.get, "/version"), timeout: callLimit)
                let reached =
                    [Finding.ok(.clusterReachable, "cluster '\(cluster.name)' answers")]
                    + skew(response.date, of: "cluster '\(cluster.name)'", since: asked)
                do {
                    return reached + (try await rights())
                } catch {
                    let words = (error as? APIError)?.message ?? "\(error)"
                    return reached + [.notLookedAt(.rightsCluster, "cluster '\(cluster.name)': \(words)")]
                }
            } catch {
                return Self.unreachable(cluster, (error as? APIError)?.message ?? "\(error)")
            }
        }

        private func rights() async throws -> [Finding] {
            let asked = ClusterRights.needed + ClusterRights.grave + ClusterRights.excessive
            let granted = try await withThrowingTaskGroup(of: (ClusterRights.Right, Bool).self) { group in
                var rest = asked[...]
                func askNext() {
                    guard let right = rest.popFirst() else { return }
                    group.addTask { (right, try await isAllowed(right)) }
                }
                for _ in 0..<questionsAtOnce { askNext() }
                var granted: Set<ClusterRights.Right> = []
                while let (right, isAllowed) = try await group.next() {
                    if isAllowed { granted.insert(right) }
                    askNext()
                }
                return granted
            }
            return ClusterRights.findings(
                cluster: cluster.name, granted: granted,
                scope: cluster.namespace.map { "in namespace \($0)" } ?? "in all namespaces")
        }

        private func isAllowed(_ right: ClusterRights.Right) async throws -> Bool {
            let body = try await api.answer(to: Self.question(right, namespace: cluster.namespace))
            return try JSONDecoder().decode(Review.self, from: body).status.allowed
        }

        private struct Review: Decodable {
            struct Status: Decodable { var allowed: Bool }
            var status: Status
        }

        /// A SelfSubjectAccessReview (authorization.k8s.io/v1): nothing is changed by it.
        static func question(_ right: ClusterRights.Right, namespace: String?) throws -> APIRequest {
            let parts = right.resource.split(separator: "/", maxSplits: 1).map(String.init)
            var attributes = ["verb": right.verb, "group": right.group, "resource": parts[0]]
            if parts.count > 1 { attributes["subresource"] = parts[1] }
            if let name = right.name { attributes["name"] = name }
            if let namespace { attributes["namespace"] = namespace }
            let object: JSONValue = [
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": ["resourceAttributes": .object(attributes.mapValues { .string($0) })],
            ]
            return APIRequest(
                .post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", contentType: "application/json",
                body: Data(CanonicalJSON.text(object).utf8))
        }
    }
}
