import AsyncHTTPClient
import Controller
import Foundation
import ModelManifests
import NIOCore
import Serving

/// Readings from the traffic proxies of a cluster: each counts what it answered itself, and is asked at its pod's address.
///
/// An instance has one reading from each proxy, named `INSTANCE@PROXY` and of that proxy's epoch. A proxy that does not
/// answer is a gap. Reports are shared by all who ask for the same proxy at once.
public actor PodProxyCounters: MetricSource {
    static let timeout: Duration = .seconds(2)
    static let maximumReportBytes = 64 << 20
    /// Proxies that were asked longer ago than this are forgotten, when so many are known.
    static let knownProxiesLimit = 1_000

    private let proxies: @Sendable (DeploymentKey) async -> [String: String]
    private let ask: @Sendable (String) async throws -> ProxyReport
    private var counters: [String: ProxyCounters] = [:]

    /// - Parameter proxies: `host:port` of each proxy that serves a deployment, by the name of its pod.
    public init(proxies: @escaping @Sendable (DeploymentKey) async -> [String: String]) {
        self.init(proxies: proxies, ask: Self.report)
    }

    init(
        proxies: @escaping @Sendable (DeploymentKey) async -> [String: String],
        ask: @escaping @Sendable (String) async throws -> ProxyReport
    ) {
        self.proxies = proxies
        self.ask = ask
    }

    public func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        let asked = await proxies(deployment).map { (pod: $0, counters: counters(of: $1)) }
        return try await withThrowingTaskGroup(of: Result<[Reading], any Error>.self) { group in
            for (pod, counters) in asked {
                group.addTask {
                    do {
                        return .success(
                            try await counters.readings(for: deployment).map { reading in
                                var reading = reading
                                reading.instance += "@\(pod)"
                                return reading
                            })
                    } catch {
                        return .failure(error)
                    }
                }
            }
            var readings: [Reading] = []
            var failure: (any Error)?
            var answers = 0
            for try await result in group {
                switch result {
                case .success(let found):
                    readings += found
                    answers += 1
                case .failure(let error): failure = error
                }
            }
            if let failure, answers == 0 { throw failure }
            return readings
        }
    }

    private func counters(of address: String) -> ProxyCounters {
        if let known = counters[address] { return known }
        if counters.count >= Self.knownProxiesLimit { counters = [:] }
        let ask = ask
        let made = ProxyCounters { try await ask(address) }
        counters[address] = made
        return made
    }

    private static func report(of address: String) async throws -> ProxyReport {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://\(address)/report"), timeout: TimeAmount(timeout))
        guard response.status == .ok else { throw PodProxyError(message: "\(address) answers \(response.status.code)") }
        let body = try await response.body.collect(upTo: maximumReportBytes)
        return try JSONDecoder().decode(ProxyReport.self, from: Data(body.readableBytesView))
    }
}

struct PodProxyError: RetryableError {
    var message: String
    var retryClass: RetryClass { .transient }
}
