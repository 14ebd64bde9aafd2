import Foundation

/// The stages of a rollout below each other, each as long as it took.
struct TimelineDrawing {
    let stages: [RolloutStage]
    let seconds: Double

    private static let row = 30.0
    private static let top = 6.0

    init(stages: [RolloutStage]) {
        self.stages = stages
        seconds = max(stages.map { $0.startSeconds + $0.seconds }.max() ?? 1, 1)
    }

    var title: String { "Timeline of the rollout" }

    var description: String {
        stages.map { "\($0.words): \($0.length) after \(Numbers.span($0.startSeconds))" }.joined(separator: "; ")
    }

    func figure(id: String) -> Figure {
        Figure(id: id, title: title, description: description, wide: drawing(1000), narrow: drawing(340))
    }

    func drawing(_ width: Double) -> Drawing {
        let isNarrow = width < 500
        let row = isNarrow ? Self.row + 16 : Self.row
        var drawing = Drawing(width: width, height: Self.top + Double(stages.count) * row + 26)
        let left = isNarrow ? 0 : 290.0
        let x = Scale(from: 0...seconds, to: (left, width - (isNarrow ? 90 : 110)))
        let bottom = Self.top + Double(stages.count) * row
        for tick in x.timeTicks(most: isNarrow ? 2 : 6) {
            drawing.line(x(tick), Self.top, x(tick), bottom, "grid")
            drawing.text(x(tick), bottom + 18, Numbers.span(tick), tick == 0 && isNarrow ? "muted" : "muted middle")
        }
        for (index, stage) in stages.enumerated() {
            let y = Self.top + Double(index) * row
            let bar = isNarrow ? y + 18 : y
            drawing.text(isNarrow ? 0 : left - 12, y + 15, cut(stage.words, isNarrow ? 46 : 40), isNarrow ? "" : "end")
            let start = x(stage.startSeconds)
            let end = max(x(stage.startSeconds + stage.seconds), start + 3)
            drawing.box(start, bar + 4, end - start, 16, stage.mark, round: 3, hint: "\(stage.words): \(stage.length)")
            drawing.text(end + 6, bar + 16, stage.length, "muted")
        }
        return drawing
    }

    private func cut(_ text: String, _ most: Int) -> String {
        text.count > most ? text.prefix(most - 1) + "…" : text
    }
}
