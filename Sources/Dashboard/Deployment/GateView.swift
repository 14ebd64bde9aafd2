import Analysis
import ControlPorts
import Presentation
import Rollouts

/// A gate with its verdict, its question, its drawings, and a table with the same numbers.
package struct GateView: Sendable {
    var id: String
    var name: String
    var badge: Badge
    var samples: String
    var asks: String?
    var reason: String
    var missing: String?
    var conditions: [Fact]
    var odds: Figure?
    var rates: Figure?
    var latencies: Figure?
    /// Of the drawings; empty where there are none.
    var numbers: [Number] = []

    struct Number: Sendable {
        var what: String
        var stable: String
        var candidate: String
    }

    /// What failed comes first, then what is undecided; what only warns comes last.
    static func all(_ gates: [GateExplanation]) -> [GateView] {
        let ranks: [Tone] = [.bad, .warning, .active, .good, .plain]
        let sorted = gates.enumerated().sorted { left, right in
            let places = [left, right].map { ranks.firstIndex(of: $0.element.summary.tone) ?? ranks.count }
            return (places[0], left.offset) < (places[1], right.offset)
        }
        return sorted.enumerated().map { GateView($1.element, number: $0) }
    }

    init(_ gate: GateExplanation, number: Int) {
        let summary = gate.summary
        id = "gate-\(number)"
        name = summary.name
        badge = Badge(Mark(summary.tone), summary.verdictText)
        samples = "\(Numbers.count(summary.samples)) \(summary.samples == 1 ? "sample" : "samples") of the candidate"
        asks = gate.words?.asks
        reason = summary.reason
        missing = summary.missing
        conditions = [
            gate.words.map { Fact("Passes", $0.passes) }, gate.words.map { Fact("Fails", $0.fails) },
            gate.words?.assumes.map { Fact("Assumes", $0) },
            summary.warnOnly ? Fact("Then", "a failure is only reported (warnOnly)") : nil,
        ].compactMap(\.self)
        guard let figures = gate.figures else { return }
        odds = OddsDrawing(figures: figures).figure(id: "\(id)-odds")
        rates = figures.rates.map { RatesDrawing(rates: $0).figure(id: "\(id)-rates") }
        latencies = figures.latencies.map { LatencyDrawing(latencies: $0).figure(id: "\(id)-latencies") }
        numbers = Self.numbers(figures)
    }

    private static func numbers(_ figures: GateFigures) -> [Number] {
        var numbers: [Number] = []
        if let rates = figures.rates {
            let drawing = RatesDrawing(rates: rates)
            numbers += [
                Number(
                    what: rates.what, stable: Numbers.count(rates.stable.hits),
                    candidate: Numbers.count(rates.candidate.hits)),
                Number(
                    what: "of requests", stable: Numbers.count(rates.stable.count),
                    candidate: Numbers.count(rates.candidate.count)),
                Number(
                    what: "rate", stable: Numbers.percent(rates.stable.rate),
                    candidate: Numbers.percent(rates.candidate.rate)),
                Number(
                    what: "95 % interval", stable: drawing.text(drawing.stable),
                    candidate: drawing.text(drawing.candidate)),
                Number(what: "tolerated up to", stable: "–", candidate: Numbers.percent(rates.tolerated)),
                Number(what: "a pass excludes above", stable: "–", candidate: Numbers.percent(rates.excludedAbove)),
            ]
        }
        if let latencies = figures.latencies {
            let drawing = LatencyDrawing(latencies: latencies)
            numbers.append(
                Number(
                    what: drawing.quantileName, stable: drawing.text(latencies.stable),
                    candidate: drawing.text(latencies.candidate)))
        }
        return numbers
    }
}
