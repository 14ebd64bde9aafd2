import Analysis
import ControlPorts
import Foundation
import Logging
import ModelManifests
import Rollouts
import Serving
import Transport

/// Sends each inquiry to the source that it names.
///
/// # Guarantees
/// - Every failure becomes an answer that says what to do.
/// - Every answer comes within its time limit, even if a source hangs and ignores cancellation. Such a call keeps its slot until
///   it ends.
/// - At most `questionsAtOnce` questions and `checksAtOnce` checks run at once. A check's time limit starts when it gets its
///   slot.
package struct SourceInquirer: Inquirer {
    package typealias Check = @Sendable (Inquiry, CheckGate) async -> CheckOutcome
    package typealias Contract = @Sendable (Inquiry, ContractGate) async -> ContractAnswer
    /// Runs the command of a command source for a query.
    package typealias Command = @Sendable (CommandSettings, _ query: String) async -> Measured
    /// Returns the totals of the reported outcomes of the labels, as `LABEL.sum` and `LABEL.count`, by revision.
    package typealias Outcomes =
        @Sendable (DeploymentKey, [Revision], _ labels: [String], _ since: Date?) async throws -> [Reading]

    package static let questionsAtOnce = 32
    package static let checksAtOnce = 4
    /// The time limit for a question to a built-in source.
    static let questionLimit: Duration = .seconds(10)
    /// Added to a source's own time limit, so that its own error message arrives first and its processes can end.
    static let grace: Duration = .seconds(1)
    static let checkGrace: Duration = .seconds(30)

    private enum Source: Sendable {
        case prometheus(PrometheusSource)
        case web(WebSource)
        case command(CommandSettings)
    }

    private let sources: [String: (source: Source, limit: Duration)]
    private let server: ServerMetrics
    private let check: Check
    private let contract: Contract
    private let command: Command
    private let outcomes: Outcomes
    private let sleep: @Sendable (Duration) async throws -> Void
    private let questions = Turnstile(questionsAtOnce)
    private let checks = Turnstile(checksAtOnce)

    /// - Parameters:
    ///   - sources: with distinct names.
    ///   - environment: the controller's, for the headers of web sources.
    package init(
        sources: [SourceSettings], environment: [String: String], check: @escaping Check, contract: @escaping Contract,
        command: @escaping Command, outcomes: @escaping Outcomes, logger: Logger
    ) {
        self.init(
            sources: sources, environment: environment, check: check, contract: contract, command: command,
            outcomes: outcomes, logger: logger, server: ServerMetrics(), sleep: { try await Task.sleep(for: $0) })
    }

    init(
        sources: [SourceSettings], environment: [String: String] = [:], check: @escaping Check,
        contract: @escaping Contract, command: @escaping Command, outcomes: @escaping Outcomes, logger: Logger,
        server: ServerMetrics, sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.sources = sources.reduce(into: [:]) { found, settings in
            let source: Source =
                switch settings.kind {
                case .prometheus(let prometheus): .prometheus(PrometheusSource(prometheus, logger: logger))
                case .web(let web): .web(WebSource(web, environment: environment))
                case .command(let command): .command(command)
                }
            found[settings.name] = (source, settings.kind.timeout)
        }
        self.server = server
        self.check = check
        self.contract = contract
        self.command = command
        self.outcomes = outcomes
        self.sleep = sleep
    }

    package func answer(_ inquiry: Inquiry) async -> Finding.Answer {
        switch inquiry.question {
        case .check(let gate):
            let turn = try? await checks.run {
                await within(gate.timeout, Self.checkGrace, inquiry.question) { await ask(inquiry) }
            }
            return turn ?? .failed(Self.cancelled)
        case .measure, .counters, .contract:
            return await within(limit(of: inquiry.question), Self.grace, inquiry.question) {
                (try? await questions.run { await ask(inquiry) }) ?? .failed(Self.cancelled)
            }
        }
    }

    private func ask(_ inquiry: Inquiry) async -> Finding.Answer {
        switch inquiry.question {
        case .measure(let query): return .measured(await measure(query, inquiry))
        case .contract(let gate): return .contract(await contract(inquiry, gate))
        case .check(let gate): return .checked(await check(inquiry, gate))
        case .counters(let source, let ratios):
            do {
                return .counters(try await readings(source, ratios, inquiry))
            } catch {
                return .failed("source '\(source)': \(error)")
            }
        }
    }

    private func measure(_ query: MetricQuery, _ inquiry: Inquiry) async -> Measured {
        let source = query.source == MetricSourceName.server ? nil : sources[query.source]?.source
        let language: QueryLanguage =
            switch source {
            case .prometheus: .promQL
            case .web: .jsonPath
            case .command: .text
            case nil: .selector
            }
        let text: String
        do {
            text = try Placeholders(deployment: inquiry.deployment, side: inquiry.candidate)
                .fillKnown(query.text, as: language)
        } catch {
            return .error("\(error)")
        }
        switch source {
        case .prometheus(let source): return await source.measure(text, range: query.range)
        case .web(let source):
            return await query.withoutRange {
                await source.measure(text, of: inquiry.deployment, candidate: inquiry.candidate)
            }
        case .command(let settings): return await query.withoutRange { await command(settings, text) }
        case nil where query.source == MetricSourceName.server:
            return await query.withoutRange { await server.measure(text, candidate: inquiry.candidate) }
        case nil: return .error(Self.unknown(query.source, asked: "a query"))
        }
    }

    private func readings(_ name: String, _ ratios: [CounterRatio], _ inquiry: Inquiry) async throws -> [Reading] {
        let sides = [inquiry.stable, inquiry.candidate].compactMap { $0 }
        switch name {
        case MetricSourceName.server: return try await server.readings(of: ratios, sides: sides)
        case MetricSourceName.outcomes:
            return try await outcomes(inquiry.deployment, sides.map(\.revision), Self.labels(of: ratios), inquiry.since)
        default:
            guard case .prometheus(let source) = sources[name]?.source else {
                throw SourceError(
                    .invalidQuery,
                    sources[name] == nil
                        ? Self.unknown(name, asked: "counters")
                        : "it has values but no cumulative counters: use it in a threshold, or compare counters of "
                            + "'server' or of a Prometheus source")
            }
            return try await source.readings(of: ratios, for: inquiry.deployment, sides: sides)
        }
    }

    /// `CounterRatio(outcome:)` names the totals of a label.
    private static func labels(of ratios: [CounterRatio]) -> [String] {
        let counters = Set(ratios.flatMap { [$0.of, $0.per] })
        return Set(
            counters.map { name in
                let suffix = [".sum", ".count"].first { name.hasSuffix($0) } ?? ""
                return String(name.dropLast(suffix.count))
            }
        ).sorted()
    }

    private static func unknown(_ name: String, asked what: String) -> String {
        MetricSourceName.builtIn.contains(name)
            ? "source '\(name)' cannot answer \(what)"
            : "there is no source '\(name)' in the controller's settings: add it under sources"
    }

    // MARK: Time

    private func limit(of question: Inquiry.Question) -> Duration {
        switch question {
        case .measure(let query): return sources[query.source]?.limit ?? Self.questionLimit
        case .counters(let source, let ratios):
            guard let limit = sources[source]?.limit else { return Self.questionLimit }
            // Prometheus is queried for one counter after another, for both sides.
            let queries = Set(ratios.flatMap { [$0.of, $0.per] }).count * 2
            return min(limit * max(1, queries), SettingsFields.timeouts.upperBound)
        case .contract, .check: return Self.questionLimit
        }
    }

    /// The answer of `work`, or a message that it is late. Both are unstructured tasks, so that no answer waits for work that
    /// ignores its cancellation.
    private func within(
        _ limit: Duration, _ grace: Duration, _ question: Inquiry.Question,
        _ work: @escaping @Sendable () async -> Finding.Answer
    ) async -> Finding.Answer {
        let (answers, continuation) = AsyncStream.makeStream(of: Finding.Answer.self)
        let worker = Task { continuation.yield(await work()) }
        let timer = Task {
            try await sleep(limit + grace)
            continuation.yield(Self.late(question, limit))
        }
        defer {
            worker.cancel()
            timer.cancel()
            continuation.finish()
        }
        for await answer in answers { return answer }
        return .failed(Self.cancelled)
    }

    private static let cancelled = "it was cancelled before it had an answer"

    private static func late(_ question: Inquiry.Question, _ limit: Duration) -> Finding.Answer {
        let reason = "no answer within \(limit.inSeconds)"
        return switch question {
        case .measure: .measured(.error(reason))
        case .counters: .failed(reason)
        case .check: .checked(CheckOutcome(end: .undecided(reason)))
        case .contract: .contract(.unreadable(reason))
        }
    }
}

extension MetricQuery {
    /// For sources that know only current values.
    fileprivate func withoutRange(_ measure: () async -> Measured) async -> Measured {
        guard range == nil else {
            return .error("source '\(source)' keeps no time series: leave out range, or use a Prometheus source")
        }
        return await measure()
    }
}
