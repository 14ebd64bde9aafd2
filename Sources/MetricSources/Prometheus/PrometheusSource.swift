import Analysis
import Foundation
import Logging
import ModelManifests
import NIOSSL
import Rollouts
import Serving

/// Prometheus, or a server with the same HTTP API: Thanos, Mimir, VictoriaMetrics.
///
/// # Guarantees
/// - Each query ends within the access's `timeout`, holds at most `answerBytes`, and follows no redirect.
/// - The counters of both sides are evaluated at the same time, and the result has all of them or none.
package struct PrometheusSource: Sendable {
    package static let answerBytes = 4 << 20
    /// One epoch for all, because the server never restarts its counts. A restarted instance shows as a drop of its series.
    static let epoch = "series"

    typealias Transport = @Sendable (SourceRequest, TLSConfiguration) async throws -> SourceResponse

    private let settings: PrometheusSettings
    private let certificates: SourceCertificates
    private let logger: Logger
    private let transport: Transport
    private let now: @Sendable () -> Date

    package init(_ settings: PrometheusSettings, logger: Logger) {
        let timeout = settings.access.timeout
        self.init(settings, logger: logger) { request, tls in
            try await SourceTransport.send(request, tls: tls, timeout: timeout, bytes: Self.answerBytes)
        }
    }

    init(
        _ settings: PrometheusSettings, logger: Logger, now: @escaping @Sendable () -> Date = { Date() },
        transport: @escaping Transport
    ) {
        self.settings = settings
        certificates = SourceCertificates(settings.access)
        self.logger = logger
        self.now = now
        self.transport = transport
    }

    /// Reads one value of a query whose placeholders are already filled in.
    ///
    /// - Parameter range: its points are reduced to one value. The range ends now by this machine's clock, because the server
    ///   requires an end time.
    package func measure(_ query: String, range: MetricRange? = nil) async -> Measured {
        await .of {
            let moments = range.map {
                PrometheusQuery.Moments.range($0, untilSeconds: now().timeIntervalSince1970)
            }
            return try await ask(query, moments ?? .now).measured(over: range)
        }
    }

    /// Reads the cumulative counters of each side. Each series is one reading, named by its labels. Series of `of` and `per` with
    /// equal labels form one reading.
    ///
    /// - Throws: `SourceError`, or `CancellationError` if the task is cancelled. Then nothing counts as evidence.
    package func readings(
        of ratios: [CounterRatio], for deployment: DeploymentKey, sides: [Inquiry.Side]
    ) async throws -> [Reading] {
        let counters = Set(ratios.flatMap { [$0.of, $0.per] }).sorted()
        var readings: [Reading] = []
        // The evaluation time of the first answer is used for all further queries: one clock, and no counter is ahead of another.
        var moment: Double?
        for side in sides {
            let placeholders = Placeholders(deployment: deployment, side: side)
            var namedBySeries: [String: [String: Double]] = [:]
            for counter in counters {
                let query = try placeholders.fill(counter, as: .promQL)
                let answer = try await ask(query, moment.map { .at($0) } ?? .now)
                moment = moment ?? answer.atSeconds
                for sample in try answer.counters() {
                    namedBySeries[PrometheusAnswer.text(sample.labels), default: [:]][counter, default: 0] +=
                        sample.value
                }
            }
            guard namedBySeries.count <= PrometheusAnswer.seriesLimit else {
                throw SourceError(
                    .invalidQuery,
                    "\(namedBySeries.count) different label sets: aggregate both counters by (instance)")
            }
            readings += namedBySeries.sorted { $0.key < $1.key }.map { series, named in
                Reading(
                    instance: "\(side.revision.rawValue) \(series)", revision: side.revision, epoch: Self.epoch,
                    counters: RequestCounters(named: named))
            }
        }
        return readings
    }

    private func ask(_ query: String, _ moments: PrometheusQuery.Moments) async throws -> PrometheusAnswer {
        let question = PrometheusQuery(text: query, moments: moments, timeout: settings.access.timeout)
        let request = question.request(
            to: settings.address.base, authorization: try settings.access.authorization())
        let response = try await transport(request, try certificates.tlsConfiguration())
        let answer = try PrometheusAnswer(response, from: settings.address.base)
        if !answer.warnings.isEmpty {
            logger.debug(
                "Prometheus has remarks on a query",
                metadata: ["query": "\(query)", "remarks": "\(answer.warnings.joined(separator: "; "))"])
        }
        return answer
    }
}
