import Analysis
import Foundation

/// The rates of both sides with their intervals, and the limits for the candidate.
struct RatesDrawing {
    let rates: GateFigures.Rates

    private static let height = 112.0
    private static let label = 76.0

    var stable: WilsonInterval { WilsonInterval(hits: rates.stable.hits, of: rates.stable.count) }
    var candidate: WilsonInterval { WilsonInterval(hits: rates.candidate.hits, of: rates.candidate.count) }

    func figure(id: String) -> Figure {
        Figure(id: id, title: title, description: description, wide: drawing(440), narrow: drawing(340))
    }

    var title: String { "Rate of \(rates.what) on both sides" }

    var description: String {
        "Stable \(Numbers.percent(rates.stable.rate)), 95 % interval \(text(stable)). Candidate "
            + "\(Numbers.percent(rates.candidate.rate)), 95 % interval \(text(candidate)). Tolerated up to "
            + "\(Numbers.percent(rates.tolerated)); a pass excludes more than \(Numbers.percent(rates.excludedAbove))."
    }

    func text(_ interval: WilsonInterval) -> String {
        "\(Numbers.percent(interval.low)) to \(Numbers.percent(interval.high))"
    }

    func drawing(_ width: Double) -> Drawing {
        var drawing = Drawing(width: width, height: Self.height)
        let most = [stable.high, candidate.high, rates.excludedAbove, rates.tolerated].max() ?? 1
        let scale = Scale(from: 0...max(min(most * 1.08, 1), 1e-6), to: (Self.label, width - 8))
        for tick in scale.ticks(most: width < 400 ? 3 : 5) {
            drawing.line(scale(tick), 4, scale(tick), 84, "grid")
            drawing.text(scale(tick), 100, Numbers.percent(tick), "muted middle")
        }
        side("stable", rates.stable, stable, y: 26, "stable", scale, on: &drawing)
        side("candidate", rates.candidate, candidate, y: 62, "candidate", scale, on: &drawing)
        drawing.line(scale(rates.tolerated), 4, scale(rates.tolerated), 84, "limit")
        drawing.line(scale(rates.excludedAbove), 4, scale(rates.excludedAbove), 84, "limit wide")
        return drawing
    }

    private func side(
        _ name: String, _ side: GateFigures.Side, _ interval: WilsonInterval, y: Double, _ style: String,
        _ scale: Scale, on drawing: inout Drawing
    ) {
        drawing.text(0, y + 4, name, style == "stable" ? "muted" : "")
        drawing.line(scale(interval.low), y, scale(interval.high), y, "\(style) interval")
        drawing.line(scale(interval.low), y - 6, scale(interval.low), y + 6, "\(style) interval")
        drawing.line(scale(interval.high), y - 6, scale(interval.high), y + 6, "\(style) interval")
        let hint = "\(name): \(Numbers.count(side.hits)) of \(Numbers.count(side.count)), \(Numbers.percent(side.rate))"
        drawing.dot(scale(side.rate), y, 5, style, hint: hint)
    }
}
