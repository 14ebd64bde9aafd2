import Analysis
import Foundation

/// The distribution of both sides' latencies: the share of requests at or under each time.
struct LatencyDrawing {
    let latencies: GateFigures.Latencies

    private static let height = 170.0
    private static let left = 44.0
    private static let bottom = 138.0

    func figure(id: String) -> Figure {
        Figure(id: id, title: title, description: description, wide: drawing(440), narrow: drawing(340))
    }

    var title: String { "Latency distributions of both sides" }

    var description: String {
        "Share of requests answered within a time. \(quantileName) of stable is \(text(latencies.stable)), of the "
            + "candidate \(text(latencies.candidate))."
    }

    var quantileName: String { "p\(Numbers.significant(latencies.quantile * 100))" }

    /// The bucket of the quantile, for example `at most 250 ms`.
    func text(_ counts: [Int]) -> String {
        guard let total = counts.last, total > 0 else { return "not known" }
        let rank = latencies.quantile * Double(total)
        guard let index = counts.firstIndex(where: { Double($0) >= rank }), index < latencies.edges.count else {
            return "over \(latencies.edges.last.map(Numbers.seconds) ?? "the last bucket")"
        }
        return "at most \(Numbers.seconds(latencies.edges[index]))"
    }

    func drawing(_ width: Double) -> Drawing {
        var drawing = Drawing(width: width, height: Self.height)
        guard let first = latencies.edges.first, let last = latencies.edges.last, first > 0, last > first else {
            return drawing
        }
        let x = Scale(from: log(first)...log(last), to: (Self.left, width - 10))
        let y = Scale(from: 0...1, to: (Self.bottom, 10))
        for share in [0.0, 0.5, 1] {
            drawing.line(Self.left, y(share), width - 10, y(share), "grid")
            drawing.text(Self.left - 6, y(share) + 4, Numbers.percent(share), "muted end")
        }
        drawing.line(Self.left, y(latencies.quantile), width - 10, y(latencies.quantile), "limit")
        drawing.text(width - 12, y(latencies.quantile) + 14, quantileName, "muted end")
        let shown = width < 400 ? 3 : 5
        let stride = max(1, (latencies.edges.count + shown - 1) / shown)
        for (index, edge) in latencies.edges.enumerated() where index % stride == 0 {
            drawing.text(x(log(edge)), Self.bottom + 20, Numbers.seconds(edge), "muted middle")
        }
        drawing.curve(points(latencies.stable, x, y), "stable curve")
        drawing.curve(points(latencies.candidate, x, y), "candidate curve")
        return drawing
    }

    private func points(_ counts: [Int], _ x: Scale, _ y: Scale) -> [(x: Double, y: Double)] {
        guard let total = counts.last, total > 0 else { return [] }
        return zip(latencies.edges, counts).map { (x(log($0)), y(Double($1) / Double(total))) }
    }
}
