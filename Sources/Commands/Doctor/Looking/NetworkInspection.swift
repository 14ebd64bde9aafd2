import AsyncHTTPClient
import ControlAPI
import Foundation
import GitSource
import KubernetesClient
import KubernetesServing
import MetricSources
import ModelManifests
import NIOSSL
import SafeText
import Transport

/// Sends requests to the servers that the controller uses (git servers, API servers and metric sources), and to the
/// controller's own API without a token.
struct NetworkInspection: Sendable {
    static let callLimit: Duration = .seconds(8)
    private static let callLimitSeconds: Int64 = 8
    /// An API path that requires a token.
    private static let deployments = "/api/v1/deployments"

    let installation: InspectedInstallation

    // MARK: Metric sources

    func sources() async -> [Finding] {
        guard let settings = installation.known else {
            return [.notLookedAt(.sourceReachable, "the settings cannot be read")]
        }
        guard !settings.sources.isEmpty else {
            return [.notApplicable(.sourceReachable, "the settings have no sources besides the built-in ones")]
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
                    .sourceReachable, "source '\(source.name)' is a program, which runs only for gates")
            ]
        }
        return SourceFindings.source(
            source.name, asked: answer.asked, problem: answer.problem?.message, believesAnybody: source.believesAnybody)
            + skew(answer.date, of: "source '\(source.name)'", since: asked)
    }

    static func skew(_ date: String?, of whose: String, since asked: Date) -> [Finding] {
        guard let date, let theirs = ClockFindings.date(date) else { return [] }
        return [
            ClockFindings.skew(ClockFindings.Seen(whose: whose, theirs: theirs, asked: asked, answered: Date()))
        ]
    }

    // MARK: Git servers

    /// Checks the clocks of git servers. Nothing secret is sent.
    func gitClocks() async -> [Finding] {
        let origins = Set(
            (installation.known?.projects ?? []).compactMap { project -> String? in
                guard let location = try? GitLocation(project.repo), location.transport == .https,
                    let url = URL(string: location.address), let host = url.host(percentEncoded: true)
                else { return nil }
                return "https://\(Escape.authority(host, url.port ?? 443))/"
            })
        guard !origins.isEmpty else { return [] }
        return await withTaskGroup(of: [Finding].self) { group in
            for origin in origins {
                group.addTask {
                    let asked = Date()
                    guard let answer = try? await Self.head(origin), answer.date != nil else {
                        return [.notLookedAt(.clockSkew, "git server \(origin) sends no time")]
                    }
                    return Self.skew(answer.date, of: "git server \(origin)", since: asked)
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func head(
        _ url: String, believesAnybody: Bool = false
    ) async throws -> (status: Int, date: String?) {
        let client = HTTPClient.careful { configuration in
            guard believesAnybody else { return }
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.certificateVerification = .none
            configuration.tlsConfiguration = tls
        }
        defer { client.shutdown { _ in } }
        let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(callLimitSeconds))
        return (Int(response.status.code), response.headers.first(name: "date"))
    }

    // MARK: The API

    /// The API's answer to a request without a token.
    func anonymous() async -> [Finding] {
        guard installation.controller != nil, let record = ControllerRecord.read(in: installation.state),
            let url = URL(string: record.api), let port = url.port
        else { return [.notApplicable(.apiAnonymous, "no controller runs")] }
        guard installation.known?.access.tls?.clientCAFile == nil else {
            return [
                .notLookedAt(.apiAnonymous, "the API requires a client certificate, which this command does not have")
            ]
        }
        let host = url.host(percentEncoded: false).flatMap { ["0.0.0.0", "::"].contains($0) ? nil : $0 } ?? "127.0.0.1"
        let address = ListenAddress(host: host, port: port)
        do {
            // The certificate is not verified, because the request contains nothing secret.
            let answer = try await Self.head(
                "\(url.scheme ?? "http")://\(address)\(Self.deployments)", believesAnybody: true)
            return [ListeningFindings.anonymous(.answered(status: answer.status))]
        } catch {
            let isLate = error as? HTTPClientError == .deadlineExceeded
            let reason = isLate ? "no answer within \(Self.callLimit.goText)" : "\(error)"
            return [ListeningFindings.anonymous(.silent(reason: reason))]
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
                        return await ClusterInspection(api: api, cluster: cluster).findings()
                    } catch {
                        let words = (error as? APIError)?.message ?? "\(error)"
                        return ClusterInspection.unreachable(cluster, words)
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }
}
