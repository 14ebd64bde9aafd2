import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving
import Synchronization
import TestSupport
import Testing

@testable import MetricSources

@Suite("The inquirer", .timeLimit(.minutes(10)))
struct SourceInquirerTests {
    private static let probe = #"{"name":"probe","kind":"command","command":["probe"],"timeout":"3s"}"#

    private func inquirer(
        clock: ManualClock = ManualClock(), command: @escaping SourceInquirer.Command = { _, _ in .value(1) },
        check: @escaping SourceInquirer.Check = { _, _ in CheckOutcome(end: .exited(0)) },
        contract: @escaping SourceInquirer.Contract = { _, _ in .unreadable("no contract") },
        outcomes: @escaping SourceInquirer.Outcomes = { _, _, _, _ in [] },
        server: ServerMetrics = ServerMetrics { _ in SourceResponse(status: 200, body: Data("queue 4\n".utf8)) }
    ) throws -> SourceInquirer {
        let settings = [
            Self.probe, #"{"name":"prometheus","kind":"prometheus","url":"http://127.0.0.1:1"}"#,
            #"{"name":"quality","kind":"web","url":"http://127.0.0.1:1"}"#,
        ]
        return SourceInquirer(
            sources: try settings.map(Fixtures.settings), check: check, contract: contract, command: command,
            outcomes: outcomes, logger: Fixtures.quiet, server: server, sleep: { try await clock.sleep(for: $0) })
    }

    private func measure(_ source: String, _ text: String = "x") -> Inquiry {
        Fixtures.inquiry(.measure(MetricQuery(source: source, text: text)))
    }

    private func counters(_ source: String, _ ratios: [CounterRatio]) -> Inquiry {
        Fixtures.inquiry(.counters(source: source, ratios: ratios))
    }

    @Test("sends each question to the source that it names")
    func routing() async throws {
        let heard = Mutex<[String]>([])
        let instance = Fixtures.instance("i-1", of: "bbbbbbbbbb", at: "127.0.0.1:1")
        let inquirer = try inquirer(
            command: { settings, query in
                heard.withLock { $0.append("\(settings.command) \(query)") }
                return .value(2)
            },
            check: { inquiry, gate in
                heard.withLock { $0.append("\(inquiry.id) \(gate.command)") }
                return CheckOutcome(end: .exited(3))
            },
            contract: { _, gate in .unreadable("at \(gate.path ?? "")") },
            outcomes: { deployment, revisions, labels, _ in
                heard.withLock { $0.append("\(deployment) \(revisions.map(\.rawValue)) \(labels)") }
                return [Reading(instance: "o", revision: revisions[0], epoch: "e", counters: RequestCounters())]
            })
        #expect(await inquirer.answer(measure("probe", "latency")) == .measured(.value(2)))
        #expect(
            await inquirer.answer(Fixtures.inquiry(.check(CheckGate(command: ["evaluate"]))))
                == .checked(CheckOutcome(end: .exited(3))))
        #expect(
            await inquirer.answer(Fixtures.inquiry(.contract(ContractGate(path: "/v2"))))
                == .contract(.unreadable("at /v2")))
        var candidate = Fixtures.side("bbbbbbbbbb", instances: [instance], metrics: RuntimeMetrics())
        let server = Fixtures.inquiry(.measure(MetricQuery(source: "server", text: "queue")), candidate: candidate)
        #expect(await inquirer.answer(server) == .measured(.value(4)))
        candidate.metrics = nil
        let answer = await inquirer.answer(
            counters("outcomes", [CounterRatio(outcome: "correct"), CounterRatio(outcome: "cost")]))
        guard case .counters(let readings) = answer else {
            Issue.record("no counters: \(answer)")
            return
        }
        #expect(readings.map(\.instance) == ["o"])
        #expect(
            heard.withLock { $0 } == [
                #"["probe"] latency"#, #"gate/1 ["evaluate"]"#,
                #"payments/fraud ["aaaaaaaaaa", "bbbbbbbbbb"] ["correct", "cost"]"#,
            ])
    }

    @Test("allows a range only for sources with time series", arguments: ["server", "probe", "quality"])
    func ranges(source: String) async throws {
        let range = MetricRange(over: .seconds(300), reduce: .max)
        let question = Inquiry.Question.measure(MetricQuery(source: source, text: "queue", range: range))
        #expect(
            try await inquirer().answer(Fixtures.inquiry(question))
                == .measured(
                    .error("source '\(source)' keeps no time series: leave out range, or use a Prometheus source")))
    }

    @Test("asks only for the candidate if there is no stable revision")
    func noStable() async throws {
        let inquirer = try inquirer(outcomes: { _, revisions, _, _ in
            revisions.map { Reading(instance: "o", revision: $0, epoch: "e", counters: RequestCounters()) }
        })
        let question = Inquiry.Question.counters(source: "outcomes", ratios: [CounterRatio(outcome: "correct")])
        guard case .counters(let readings) = await inquirer.answer(Fixtures.inquiry(question, stable: nil)) else {
            Issue.record("no counters")
            return
        }
        #expect(readings.map(\.revision.rawValue) == ["bbbbbbbbbb"])
    }

    @Test("says what to do about a missing source, or a question that the source cannot answer")
    func unknown() async throws {
        let inquirer = try inquirer(outcomes: { _, _, _, _ in throw SourceError(.unreachable, "the journal is locked") }
        )
        #expect(
            await inquirer.answer(measure("promethus"))
                == .measured(
                    .error("there is no source 'promethus' in the controller's settings: add it under sources")))
        let ratio = CounterRatio(source: "x", of: "a", per: "b")
        #expect(
            await inquirer.answer(counters("x", [ratio]))
                == .failed("source 'x': there is no source 'x' in the controller's settings: add it under sources"))
        #expect(
            await inquirer.answer(counters("quality", [ratio]))
                == .failed(
                    "source 'quality': it has values but no cumulative counters: use it in a threshold, or compare "
                        + "counters of 'server' or of a Prometheus source"))
        #expect(
            await inquirer.answer(measure("outcomes"))
                == .measured(.error("source 'outcomes' cannot answer a query")))
        #expect(
            await inquirer.answer(counters("proxy", [ratio]))
                == .failed("source 'proxy': source 'proxy' cannot answer counters"))
        #expect(
            await inquirer.answer(counters("outcomes", [ratio]))
                == .failed("source 'outcomes': the journal is locked"))
    }

    /// Never ends, and ignores cancellation.
    private static func hang() async { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }

    @Test("is not delayed by a source that hangs, whatever the question")
    func hanging() async throws {
        let clock = ManualClock()
        let inquirer = try inquirer(
            clock: clock,
            command: { _, _ in
                await Self.hang()
                return .value(1)
            },
            check: { _, _ in
                await Self.hang()
                return CheckOutcome(end: .exited(0))
            },
            contract: { _, _ in
                await Self.hang()
                return .unreadable("")
            },
            outcomes: { _, _, _, _ in
                await Self.hang()
                return []
            })
        let check = CheckGate(command: ["x"], timeout: .seconds(300))
        let cases: [(Inquiry, Duration, Finding.Answer)] = [
            (measure("probe"), .seconds(4), .measured(.error("no answer within 3 s"))),
            (counters("outcomes", []), .seconds(11), .failed("no answer within 10 s")),
            (
                Fixtures.inquiry(.contract(ContractGate())), .seconds(11),
                .contract(.unreadable("no answer within 10 s"))
            ),
            (
                Fixtures.inquiry(.check(check)), .seconds(330),
                .checked(CheckOutcome(end: .undecided("no answer within 300 s")))
            ),
        ]
        for (inquiry, limit, wanted) in cases {
            let answer = Task { await inquirer.answer(inquiry) }
            await clock.waitForSleepers(1)
            clock.advance(by: limit)
            #expect(await answer.value == wanted)
        }
    }

    @Test("asks at most its limit of questions at once, and each one gets its answer")
    func bounded() async throws {
        let state = Mutex((now: 0, most: 0))
        let inquirer = try inquirer(command: { _, query in
            state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            for _ in 0..<20 { await Task.yield() }
            state.withLock { $0.now -= 1 }
            return .value(Double(query) ?? -1)
        })
        let answers = await withTaskGroup(of: Finding.Answer.self) { group in
            for index in 0..<300 { group.addTask { await inquirer.answer(measure("probe", "\(index)")) } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(answers == Set((0..<300).map { .measured(.value(Double($0))) }))
        let most = state.withLock { $0.most }
        #expect((2...SourceInquirer.questionsAtOnce).contains(most))
    }

    @Test("has an answer for a cancelled caller")
    func cancellation() async throws {
        let inquirer = try inquirer(command: { _, _ in
            await Self.hang()
            return .value(1)
        })
        let answer = Task { await inquirer.answer(measure("probe")) }
        answer.cancel()
        #expect(await answer.value == .failed("it was cancelled before it had an answer"))
    }
}
