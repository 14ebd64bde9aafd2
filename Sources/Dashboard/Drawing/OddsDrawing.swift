import Analysis
import Foundation

/// How far a gate's odds are from deciding: one bar towards a failure, one towards a pass. Each bar has its own boundary, on a
/// logarithmic scale.
struct OddsDrawing {
    let figures: GateFigures

    private static let height = 126.0
    /// The boundary's place in the bar's room.
    private static let boundaryShare = 0.82

    func figure(id: String) -> Figure {
        Figure(id: id, title: title, description: description, wide: drawing(440), narrow: drawing(340))
    }

    var title: String { "Odds of gate \(figures.gate)" }

    var description: String {
        "Against \(figures.fail.against): \(Numbers.odds(figures.fail.log)); the gate fails at "
            + "\(Numbers.odds(figures.fail.boundaryLog)). Against \(figures.pass.against): "
            + "\(Numbers.odds(figures.pass.log)); the gate passes at \(Numbers.odds(figures.pass.boundaryLog))."
    }

    func drawing(_ width: Double) -> Drawing {
        var drawing = Drawing(width: width, height: Self.height)
        row(figures.fail, "fails", "bad", top: 0, on: &drawing)
        row(figures.pass, "passes", "good", top: 66, on: &drawing)
        return drawing
    }

    private func row(
        _ odds: GateFigures.Odds, _ verb: String, _ style: String, top: Double, on drawing: inout Drawing
    ) {
        let room = drawing.width
        let boundary = room * Self.boundaryShare
        let share = odds.boundaryLog > 0 ? max(0, odds.log) / odds.boundaryLog : 0
        let reached = share >= 1
        drawing.text(0, top + 13, "against \(shortened(odds.against, room))", "muted")
        drawing.box(0, top + 20, room, 14, "quiet", round: 3)
        drawing.box(0, top + 20, min(share * boundary, room), 14, reached ? style : "active", round: 3)
        drawing.line(boundary, top + 16, boundary, top + 38, "limit")
        let found = odds.log < 0.05 ? "no evidence yet" : Numbers.odds(odds.log) + (reached ? " – reached" : "")
        drawing.text(0, top + 50, found, "")
        drawing.text(boundary, top + 50, "\(verb) at \(Numbers.odds(odds.boundaryLog))", "muted end")
    }

    /// Texts in drawings do not wrap.
    private func shortened(_ text: String, _ room: Double) -> String {
        let most = Int(room / 7.4) - 8
        return text.count > most ? text.prefix(max(most - 1, 1)) + "…" : text
    }
}
