import ModelManifests

/// The evidence of a check gate.
struct CheckEvidence: Codable, Hashable, Sendable {
    private enum Finding: Codable, Hashable, Sendable {
        case passed(String)
        case failed(String)
        case undecided(String)
    }

    private var attempts = QuestionAttempts()
    private var finding: Finding?

    /// The number of runs with a decision.
    var samples: Int { attempts.isDecided ? 1 : 0 }

    func questionDue(atSeconds seconds: Double) -> Int? { attempts.due(atSeconds: seconds) }

    mutating func take(_ outcome: CheckOutcome, ordinal: Int, atSeconds seconds: Double, _ gate: CheckGate) {
        guard attempts.due(atSeconds: seconds) == ordinal else { return }
        let found = Self.judge(outcome, gate)
        finding = found
        if case .undecided = found { attempts.postpone(atSeconds: seconds) } else { attempts.decide() }
    }

    private static func judge(_ outcome: CheckOutcome, _ gate: CheckGate) -> Finding {
        let kept = outcome.outputFile.map { "; its output is in \($0.quoted(upTo: 300))" } ?? ""
        switch outcome.end {
        case .undecided(let why): return .undecided(why.quoted(upTo: 300) + outcome.lastWords + kept)
        case .exited(let code) where code != 0:
            return .failed("exit code \(code)\(outcome.lastWords)\(kept)")
        case .exited: break
        }
        let metrics = gate.metrics.sorted { $0.key < $1.key }
        let known = metrics.compactMap { name, bounds in
            outcome.metrics[name].flatMap { $0.isFinite ? Metric(name: name, value: $0, wanted: bounds) : nil }
        }
        let out = known.filter { !$0.isInBounds }
        if !out.isEmpty { return .failed(list(out.map(\.text)) + kept) }
        let missing = metrics.map(\.key).filter { name in !known.contains { $0.name == name } }
        guard missing.isEmpty else {
            let names = list(missing.map { "'\($0.quoted(upTo: 60))'" })
            return .undecided(
                "exit code 0, but it prints no metric \(names): the last line must be a JSON object of numbers"
                    + outcome.lastWords + kept)
        }
        return .passed(known.isEmpty ? "exit code 0" : "exit code 0; " + list(known.map(\.text)))
    }

    private struct Metric {
        var name: String
        var value: Double
        var wanted: MeasuredBounds

        init(name: String, value: Double, wanted: CheckGate.Bounds) {
            self.name = name
            self.value = value
            self.wanted = MeasuredBounds(min: wanted.min, max: wanted.max)
        }

        var isInBounds: Bool { wanted.admit(value) }
        var text: String { "\(name.quoted(upTo: 60)) \(wanted.text(of: value)), wanted \(wanted.text)" }
    }

    /// A longer list would make the evidence large without helping anybody.
    private static let listLimit = 5

    private static func list(_ texts: [String]) -> String {
        let more = texts.count - listLimit
        return texts.prefix(listLimit).joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
    }

    func verdict(_ gate: CheckGate) -> Verdict {
        switch finding {
        case .passed: .pass
        case .failed: .fail
        case .undecided, nil: .insufficient
        }
    }

    func reason(_ gate: CheckGate) -> String {
        switch finding {
        case nil: "the check has not been run yet"
        case .passed(let text), .failed(let text): text
        case .undecided(let text): "\(text); \(attempts.text)"
        }
    }
}

extension CheckOutcome {
    /// The end of its output.
    fileprivate var lastWords: String {
        let end = outputTail.quoted(upTo: 300, keepsEnd: true)
        return end.isEmpty ? "" : ": \(end)"
    }
}
