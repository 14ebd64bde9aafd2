import Analysis
import Foundation
import Logging
import ModelManifests
import NIOSSL
import Rollouts
import Serving

/// Prometheus, or whatever speaks its HTTP API: Thanos, Mimir, VictoriaMetrics.
///
/// # Guarantees
/// - Each query ends within the access's `timeout`, holds at most `answerBytes`, and follows no redirect.
/// - Counters of both sides are evaluated at one moment, all or none.
public struct PrometheusSource: Sendable {
    public static let answerBytes = 4 << 20
    /// The server starts no count anew: it keeps what it scraped. A restarted instance is seen as a fall of its series.
    static let epoch = "series"

    typealias Transport = @Sendable (SourceRequest, TLSConfiguration) async throws -> SourceResponse

    private let settings: PrometheusSettings
    private let certificates: SourceCertificates
    private let logger: Logger
    private let transport: Transport
    private let now: @Sendable () -> Date

    public init(_ settings: PrometheusSettings, logger: Logger) {
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

    /// One value of a query whose placeholders are filled in.
    ///
    /// - Parameter range: its points are brought to the one value. They end now by the clock of this machine: the server
    ///   wants to be told.
    public func measure(_ query: String, range: MetricRange? = nil) async -> Measured {
        await .of {
            let moments = range.map {
                PrometheusQuery.Moments.range($0, untilSeconds: now().timeIntervalSince1970)
            }
            return try await ask(query, moments ?? .now).measured(over: range)
        }
    }

    /// Cumulative counters of each side: one reading a series, named by its labels. Series of `of` and `per` with the
    /// same labels are one reading.
    ///
    /// - Throws: `SourceError`, or the `CancellationError` of its task. Nothing is evidence then.
    public func readings(
        of ratios: [CounterRatio], for deployment: DeploymentKey, sides: [Inquiry.Side]
    ) async throws -> [Reading] {
        let counters = Set(ratios.flatMap { [$0.of, $0.per] }).sorted()
        var readings: [Reading] = []
        // What the server's clock said first is the moment for all: one clock, and no counter ahead of another.
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
                    .misasked,
                    "\(namedBySeries.count) different sets of labels: aggregate both counters by (instance)")
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
