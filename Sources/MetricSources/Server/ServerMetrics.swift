import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving

/// Reads the metrics page of each instance, as the runtime's `metrics` describes it.
///
/// # Guarantees
/// - The result covers all instances of all sides; otherwise it is an error that names the missing one. A part of them is not
///   evidence.
/// - Each page is limited by `timeout` and `pageBytes`; at most `scrapesAtOnce` pages are read at once.
package struct ServerMetrics: Sendable {
    package static let timeout: Duration = .seconds(3)
    package static let pageBytes = 4 << 20
    static let scrapesAtOnce = 32
    /// The bound is needed because baselines of both sides are kept.
    static let instanceLimit = 512

    typealias Transport = @Sendable (SourceRequest) async throws -> SourceResponse

    /// The time at which the server started. A new time is a new epoch of its counters.
    private static let startTime = "process_start_time_seconds"

    private let transport: Transport

    package init() {
        self.init { try await SourceTransport.send($0, timeout: Self.timeout, bytes: Self.pageBytes) }
    }

    init(transport: @escaping Transport) { self.transport = transport }

    /// Reads cumulative counters of every instance: requests as its dialect counts them, and the counters that ratios name.
    ///
    /// - Throws: `SourceError`, or `CancellationError` if the task is cancelled. Then nothing counts as evidence.
    package func readings(of ratios: [CounterRatio], sides: [Inquiry.Side]) async throws -> [Reading] {
        let targets = try sides.flatMap(ScrapeTarget.all)
        let selectors = try Set(ratios.flatMap { [$0.of, $0.per] }).reduce(into: [:]) {
            $0[$1] = try SampleSelector($1)
        }
        if selectors.isEmpty, let unknown = targets.first(where: { $0.dialect == .other }) {
            throw SourceError(
                .invalidQuery,
                "the names of the request counters of \(unknown.description) are not known: set runtime.metrics.dialect, or compare a "
                    + "ratio of counters that you name")
        }
        return try await scrape(targets, wanted: selectors.values.map(\.name)) { target, page in
            var counters = try MetricDialect(target.dialect)?.counters(in: page) ?? RequestCounters()
            counters.named = try Self.named(selectors, in: page)
            let start = page.samples(named: Self.startTime).first.map { "\($0.value)" }
            return Reading(
                instance: target.instance.id, revision: target.instance.revision,
                epoch: start ?? "restarts-\(target.instance.restarts)", counters: counters)
        }
    }

    /// The mean of one gauge or counter over the candidate's instances: `queue_depth`, `queue_depth{model="a"}`.
    package func measure(_ query: String, candidate: Inquiry.Side) async -> Measured {
        await .of {
            let selector = try SampleSelector(query)
            let values = try await scrape(try ScrapeTarget.all(of: candidate), wanted: [selector.name]) {
                (instance: $0.instance.id, value: $1.sum(of: selector))
            }
            if let silent = values.first(where: { $0.value == nil }) {
                return .noData("instance \(silent.instance) has no \(query)")
            }
            let mean = values.reduce(0) { $0 + ($1.value ?? 0) } / Double(values.count)
            if mean.isNaN { return .noData("\(query) is not a number (NaN)") }
            return mean.isFinite ? .value(mean) : .error("\(query) is infinite")
        }
    }

    private static func named(_ selectors: [String: SampleSelector], in page: ExpositionText) throws -> [String: Double]
    {
        try selectors.compactMapValues { selector in
            guard let sum = page.sum(of: selector) else { return nil }
            if let type = page.type(of: selector.name), type == "gauge" {
                throw SourceError(.invalidQuery, "\(selector.name) is a gauge: a ratio needs cumulative counters")
            }
            guard sum.isFinite, sum >= 0 else {
                throw SourceError(.unreadable, "\(selector.name) is \(sum), which cannot be a counter")
            }
            return sum
        }
    }

    /// Results are in the order of the targets.
    private func scrape<Value: Sendable>(
        _ targets: [ScrapeTarget], wanted: [String],
        reading: @escaping @Sendable (ScrapeTarget, ExpositionText) throws -> Value
    ) async throws -> [Value] {
        guard targets.count <= Self.instanceLimit else {
            throw SourceError(.invalidQuery, "\(targets.count) instances: at most \(Self.instanceLimit) can be read")
        }
        let named = Set(wanted).union([Self.startTime])
        let values = try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            var found: [Int: Value] = [:]
            for (index, target) in targets.enumerated() {
                if index >= Self.scrapesAtOnce, let (index, value) = try await group.next() { found[index] = value }
                group.addTask {
                    (index, try await one(target, named.union(MetricDialect(target.dialect)?.names ?? []), reading))
                }
            }
            for try await (index, value) in group { found[index] = value }
            return found
        }
        return targets.indices.compactMap { values[$0] }
    }

    private func one<Value: Sendable>(
        _ target: ScrapeTarget, _ names: Set<String>, _ reading: (ScrapeTarget, ExpositionText) throws -> Value
    ) async throws -> Value {
        do {
            let response = try await transport(target.request)
            if let refusal = response.refusal(by: "the metrics page") { throw refusal }
            return try reading(target, try ExpositionText(response.body, wanted: names))
        } catch let error as SourceError {
            throw SourceError(error.code, "\(target.description): \(error.message)")
        }
    }
}
