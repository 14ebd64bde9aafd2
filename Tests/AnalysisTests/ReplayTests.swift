import Foundation
import ModelManifests
import Testing

@testable import Analysis

@Suite struct ReplayTests {
    static let errors = GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))
    static let slow = GateSpec(name: "slow", kind: .compare(CompareGate(metric: .slow)))

    static func run(_ lines: [String], gates: [GateSpec] = [errors]) throws -> [ReplayVerdict] {
        try Replay.run(gates: gates, falseRollbackRate: 0.01, missedRegressionRate: 0.05, lines: lines)
    }

    static func line(
        _ time: Int, stream: String = "a", stable: (Int, Int), candidate: (Int, Int)
    ) -> String {
        """
        {"stream": "\(stream)", "t": \(time), "stable": {"requests": \(stable.0), "errors": \(stable.1)}, \
        "candidate": {"requests": \(candidate.0), "errors": \(candidate.1)}}
        """
    }

    @Test("a failure is reported at its first time, with the candidate's samples at that time")
    func fails() throws {
        let lines = (1...20).map {
            Self.line($0 * 10, stable: ($0 * 950, $0 * 9), candidate: ($0 * 50, $0 * 10))
        }
        let found = try Self.run(lines)
        #expect(found.count == 1)
        #expect(found[0].verdict == .fail)
        #expect(found[0].stream == "a")
        #expect(found[0].gate == "errors")
        let step = Int(found[0].t / 10)
        #expect(found[0].samples == step * 50)
        // One line less does not reach it.
        #expect(try Self.run(Array(lines.prefix(step - 1))).first?.verdict != .fail || step == 1)
    }

    @Test("the first line counts from zero")
    func firstLine() throws {
        let found = try Self.run([Self.line(10, stable: (9_500, 95), candidate: (500, 60))])
        #expect(found[0].verdict == .fail)
        #expect(found[0].samples == 500)
    }

    @Test("a pass is reported at its first time, unless the gate fails later")
    func passes() throws {
        let healthy = (1...40).map {
            Self.line($0, stable: ($0 * 1_500, $0 * 15), candidate: ($0 * 500, $0 * 5))
        }
        let passed = try Self.run(healthy)
        #expect(passed[0].verdict == .pass)
        #expect(passed[0].t < 40)
        let then = (1...20).map {
            Self.line(
                40 + $0, stable: (60_000 + $0 * 1_500, 600 + $0 * 15),
                candidate: (20_000 + $0 * 500, 200 + $0 * 50))
        }
        let failed = try Self.run(healthy + then)
        #expect(failed[0].verdict == .fail)
        #expect(failed[0].t > 40)
    }

    @Test("insufficient is reported at the last time")
    func insufficient() throws {
        let found = try Self.run([
            Self.line(10, stable: (95, 1), candidate: (5, 0)), Self.line(20, stable: (190, 2), candidate: (10, 0)),
        ])
        #expect(found[0].verdict == .insufficient)
        #expect(found[0].t == 20)
        #expect(found[0].samples == 10)
    }

    @Test("streams are judged separately, each with every gate, in the order of their first lines")
    func streams() throws {
        let found = try Self.run(
            [
                Self.line(10, stream: "b", stable: (9_500, 95), candidate: (500, 60)),
                Self.line(10, stream: "a", stable: (95, 0), candidate: (5, 0)),
            ], gates: [Self.errors, Self.slow])
        #expect(found.map(\.stream) == ["b", "b", "a", "a"])
        #expect(found.map(\.gate) == ["errors", "slow", "errors", "slow"])
        #expect(found.map(\.verdict) == [.fail, .insufficient, .insufficient, .insufficient])
    }

    @Test("a metric that the recording lacks makes its gate insufficient, and is named")
    func missingMetric() throws {
        let found = try Self.run([Self.line(10, stable: (950, 9), candidate: (50, 1))], gates: [Self.slow])
        #expect(found[0].verdict == .insufficient)
        #expect(found[0].reason.contains("the stable side has no \"latency\""))
    }

    @Test("latency buckets are read as in Prometheus, in any order")
    func latency() throws {
        let lines = (1...8).map { step in
            """
            {"stream": "a", "t": \(step), \
            "stable": {"requests": \(950 * step), "latency": {"+Inf": \(950 * step), "0.25": \(940 * step), "0.1": \(905 * step)}}, \
            "candidate": {"requests": \(50 * step), "gpu": {"busy": 0.5}, "latency": {"0.1": \(20 * step), "0.25": \(48 * step), "+Inf": \(50 * step)}}}
            """
        }
        let found = try Self.run(lines, gates: [Self.slow])
        #expect(found[0].verdict == .fail)
        #expect(found[0].reason.contains("slower than 0.1 s of"))
        #expect(found[0].t > 1, "the first line chooses the bound and is not judged by it")
    }

    @Test("lines that are out of order, fallen or invalid are not evidence")
    func disorder() throws {
        let clean = (1...30).map {
            Self.line($0 * 10, stable: ($0 * 950, $0 * 10), candidate: ($0 * 50, $0))
        }
        var messy = clean
        messy.insert(Self.line(30, stable: (10_000, 50), candidate: (9_000, 9_000)), at: 10)
        messy.insert(Self.line(105, stable: (9_700, 105), candidate: (520, 5_000)), at: 11)
        messy.insert(Self.line(125, stable: (900, 9), candidate: (1_000, 900)), at: 14)
        let found = try Self.run(messy)
        #expect(found[0].verdict != .fail)
        #expect(try Self.run(clean)[0].verdict != .fail)
    }

    @Test("a restart of one side drops its interval on both, and the evidence continues")
    func restart() throws {
        var lines = (1...10).map {
            Self.line($0, stable: ($0 * 950, $0 * 9), candidate: ($0 * 50, 0))
        }
        lines += (0...20).map {
            Self.line(11 + $0, stable: (10_450 + $0 * 950, 99 + $0 * 9), candidate: (5 + $0 * 50, $0 * 15))
        }
        let found = try Self.run(lines)
        #expect(found[0].verdict == .fail)
        #expect(found[0].samples == 500 + (Int(found[0].t) - 11) * 50)
    }

    @Test("an interval in which one side was not read is counted with the next, on both sides")
    func missingSide() throws {
        let found = try Self.run([
            Self.line(1, stable: (950, 9), candidate: (50, 0)),
            #"{"stream": "a", "t": 2, "stable": {"requests": 1900, "errors": 18}}"#,
            Self.line(3, stable: (2_850, 27), candidate: (150, 0)),
        ])
        #expect(found[0].samples == 150)
        #expect(found[0].t == 3)
        #expect(found[0].reason.contains("of 2,850"))
    }

    @Test(
        "a line that cannot be read is an error with its number",
        arguments: [
            (#"{"stream": "a", "t": "#, "line 3: not a JSON object; write one object per line"),
            (#"{"t": 3}"#, #"line 3: "stream" is missing"#),
            (#"{"stream": "a", "t": "x"}"#, #"line 3: "t" should be a number"#),
            (#"{"stream": 1, "t": 3}"#, #"line 3: "stream" should be text"#),
            (#"{"stream": "a", "t": 3, "stable": 5}"#, #"line 3: "stable" should be an object"#),
            (#"{"stream": "a", "t": NaN}"#, #"line 3: "t" should be a number"#),
            ("[1]", "line 3: not a JSON object"),
            (
                #"{"stream": "a", "t": 3, "candidate": {"score": {"0.2": 9223372036854775807, "0.8": 20}}}"#,
                "line 3: 9223372036854775807 is too large for a count (the limit is 2⁵³)"
            ),
            (
                #"{"stream": "a", "t": 3, "stable": {"requests": -9.2e18}}"#,
                "line 3: -9.2e18 is too large for a count (the limit is 2⁵³)"
            ),
            (
                #"{"stream": "a", "t": NaN, "stable": {"requests": 0x7fffffffffffffff}}"#,
                "line 3: not a JSON object; write one object per line"
            ),
        ])
    func malformed(text: String, message: String) {
        let error: ReplayError? = #expect(throws: ReplayError.self) {
            _ = try Self.run([Self.line(1, stable: (95, 1), candidate: (5, 0)), "", text])
        }
        #expect(error?.line == 3)
        #expect(error?.description == message)
    }

    @Test(
        "a count that is not a whole number counts as missing: gates that need it say so, the others continue",
        arguments: [
            (#""requests": "950", "errors": 9"#, #"the stable side's "requests" is not a whole number"#),
            (#""requests": NaN, "errors": 9"#, #"the stable side's "requests" is not a whole number"#),
            (#""requests": -Infinity, "errors": 9"#, #"the stable side's "requests" is not a whole number"#),
            (#""requests": 1e300, "errors": 9"#, #"the stable side's "requests" is not a whole number"#),
            (#""requests": 950, "errors": 9.5"#, #"the stable side's "errors" is not a whole number"#),
            (#""requests": 950, "errors": true"#, #"the stable side's "errors" is not a whole number"#),
            (
                #""requests": 950, "errors": 9, "synthetic": {"requests": "5"}"#,
                #"the stable side's "synthetic" holds "requests", which is not a whole number"#
            ),
        ])
    func noCount(side: String, reason: String) throws {
        let broken = #"{"stream": "a", "t": 2, "stable": {\#(side)}, "candidate": {"requests": 50, "errors": 1}}"#
        let first = Self.line(1, stable: (95, 1), candidate: (5, 0))
        let last = try #require(try Self.run([first, broken]).first)
        #expect(last.verdict == .insufficient)
        #expect(last.samples == 5)
        #expect(last.reason.hasSuffix("last line left out: \(reason)"))
        let then = try Self.run([first, broken, Self.line(3, stable: (9_500, 95), candidate: (500, 60))])
        #expect(then[0].verdict == .fail, "what was left out is counted with the next line")
        #expect(then[0].samples == 500)
    }

    @Test("a line that is too long is refused before it is read")
    func longLine() {
        let error: ReplayError? = #expect(throws: ReplayError.self) {
            _ = try Self.run(["", String(repeating: " ", count: Replay.lineLimitBytes + 1)])
        }
        #expect(error?.description == "line 2: longer than 1 MiB: write one reading per line")
    }

    @Test("a histogram that cannot be read affects only the gates that use it")
    func noHistogram() throws {
        let lines = (1...3).map { step in
            """
            {"stream": "a", "t": \(step), "stable": {"requests": \(9500 * step), "errors": 9, "latency": {"fast": 1}}, \
            "candidate": {"requests": \(500 * step), "errors": \(60 * step), "latency": {"0.1": "x"}}}
            """
        }
        let found = try Self.run(lines, gates: [Self.errors, Self.slow])
        #expect(found[0].verdict == .fail)
        #expect(
            found[1].reason.hasSuffix(
                #"side's "latency" cannot be read: latency bound "fast" is not a number of seconds or +Inf"#))
    }

    @Test("latencies of the first line count from zero, like everything else")
    func firstHistogram() throws {
        func line(_ step: Int) -> String {
            """
            {"stream": "a", "t": \(step), "stable": {"requests": \(950 * step), "latency": {"0.1": \(940 * step), "+Inf": \(950 * step)}}, \
            "candidate": {"requests": \(50 * step), "latency": {"0.1": \(49 * step), "+Inf": \(50 * step)}}}
            """
        }
        let bounded = GateSpec(
            name: "slow", kind: .compare(CompareGate(metric: .slow, slowerThan: .milliseconds(100))))
        #expect(try Self.run([line(1)], gates: [bounded])[0].samples == 50)
        // It chooses the bound of a gate without its own bound.
        let chosen = try Self.run([line(1)], gates: [Self.slow])[0]
        #expect(chosen.reason == "slow means over 0.1 s, and requests from now on are judged by that bound")
        #expect(try Self.run([line(1), line(2)], gates: [Self.slow])[0].samples == 50)
    }

    static func sides(_ step: Int, _ stable: String, _ candidate: String) -> String {
        #"{"stream": "a", "t": \#(step), "stable": {\#(stable)}, "candidate": {\#(candidate)}}"#
    }

    @Test("counters under their own names are replayed, whatever source the gate names; their units reveal a restart")
    func namedCounters() throws {
        let ratio = CounterRatio(source: "prometheus", of: "timeouts", per: "requests")
        let gate = GateSpec(name: "timeouts", kind: .compare(CompareGate(.counters(ratio))))
        let lines = (1...20).map { step in
            // Stable starts again after the tenth line.
            let run = step > 10 ? step - 10 : step
            return Self.sides(
                step, #""requests": \#(run * 900), "timeouts": \#(run * 9)"#,
                #""requests": \#(step * 100), "timeouts": \#(step * 4)"#)
        }
        let found = try Self.run(lines, gates: [gate])
        #expect(found[0].verdict == .fail)
        let lacking = try Self.run([Self.sides(1, #""requests": 9"#, #""requests": 9, "timeouts": 1"#)], gates: [gate])
        #expect(lacking[0].verdict == .insufficient)
        #expect(lacking[0].reason.hasPrefix("stable has no counter \"timeouts\""))
    }

    @Test("outcomes and the goal of an A/B test are replayed")
    func outcomes() throws {
        let goal = GateSpec(name: "goal", kind: .goal(GoalGate(quantity: CounterRatio(outcome: "bought"))))
        let lines = (1...10).map { step in
            Self.sides(
                step, #""bought.sum": \#(step * 20), "bought.count": \#(step * 400)"#,
                #""bought.sum": \#(step * 40), "bought.count": \#(step * 400)"#)
        }
        let found = try Self.run(lines, gates: [goal])
        #expect(found[0].verdict == .pass)
        #expect(found[0].samples == Int(found[0].t) * 400)
    }

    @Test("a shadow's pairs are replayed without stable")
    func pairs() throws {
        let alike = GateSpec(name: "alike", kind: .agreement(AgreementGate(metric: .agreement(min: 0.99))))
        let near = GateSpec(name: "near", kind: .agreement(AgreementGate(metric: .distance(max: 0.1))))
        let lines = (1...10).map { step in
            #"{"stream": "a", "t": \#(step), "candidate": {"pairs": \#(step * 100), "disagreements": \#(step * 9)}}"#
        }
        let found = try Self.run(lines, gates: [alike, near])
        #expect(found[0].verdict == .fail)
        #expect(found[1].verdict == .insufficient)
        #expect(found[1].reason == "no data yet; last line left out: the candidate side has no \"distance\"")
    }

    @Test("synthetic requests are replayed separately from those of users")
    func synthetic() throws {
        let lines = (1...5).map { step in
            Self.sides(
                step, #""requests": 0, "errors": 0, "synthetic": {"requests": \#(step * 200), "errors": \#(step)}"#,
                #""requests": 0, "errors": 0, "synthetic": {"requests": \#(step * 200), "errors": \#(step * 30)}"#)
        }
        let found = try Self.run(lines)
        #expect(found[0].verdict == .fail)
        #expect(found[0].reason.contains("of synthetic requests"))
    }

    @Test("latency quantiles are replayed")
    func quantiles() throws {
        let gate = GateSpec(name: "p95", kind: .compare(CompareGate(metric: .latencyP95)))
        var traffic = LatencyTraffic(seed: 51)
        var (stable, candidate) = (SideCounts(), SideCounts())
        let lines = try (1...12).map { step in
            stable.add(traffic.side(900, median: 0.05))
            candidate.add(traffic.side(100, median: 0.12))
            let line = ReplayLine(
                stream: "a", t: Double(step), stable: ReplaySide(stable), candidate: ReplaySide(candidate))
            return String(decoding: try JSONEncoder().encode(line), as: UTF8.self)
        }
        let found = try Self.run(lines, gates: [gate])
        #expect(found[0].verdict == .fail)
        #expect(found[0].t > 1, "the first line chooses where to look")
    }

    @Test("a gate that asks a source cannot be replayed, and says so")
    func asked() throws {
        let gate = GateSpec(name: "offline", kind: .check(CheckGate(command: ["true"])))
        let found = try Self.run([Self.line(1, stable: (95, 1), candidate: (5, 0))], gates: [gate])
        #expect(found[0].verdict == .insufficient)
        #expect(found[0].reason.hasPrefix("not judged: this gate asks a source for each measurement"))
    }

    @Test("a verdict is one JSON object with documented keys")
    func json() throws {
        let verdict = ReplayVerdict(
            stream: "a", gate: "errors", verdict: .fail, t: 10, samples: 50, reason: "because")
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(verdict)) as? [String: Any]
        #expect(Set(object?.keys.map { $0 } ?? []) == ["stream", "gate", "verdict", "t", "samples", "reason"])
        #expect(object?["verdict"] as? String == "fail")
    }
}
