import Analysis
import ControlPorts
import Foundation
import Testing

@testable import Dashboard

@Suite("A drawing")
struct DrawingTests {
    @Test("escapes its texts, and writes no number that SVG cannot read", arguments: DashboardSamples.hostile)
    func escaping(text: String) {
        var drawing = Drawing(width: 10, height: 10)
        drawing.text(.nan, .infinity, text, text)
        drawing.box(-0.04, 1e300, .nan, 1, "a", hint: text)
        drawing.curve([(0.25, 1), (2, .nan)], "c")
        let svg = drawing.embedded(id: text, title: text, description: text)
        #expect(!svg.contains("<script") && !svg.contains("<img") && !svg.contains("nan") && !svg.contains("inf"))
        #expect(svg.contains("x=\"0\" y=\"0\"") && svg.contains("points=\"0.3,1 2,0\""))
        #expect(drawing.file(title: text, description: text).contains("xmlns=\"http://www.w3.org/2000/svg\""))
    }

    @Test("of odds fills its bar up to the boundary, and not beyond the drawing")
    func odds() {
        var figures = DashboardSamples.figures
        let drawing = OddsDrawing(figures: figures)
        #expect(drawing.description.contains("350 to 1; the gate fails at 221 to 1"))
        #expect(drawing.drawing(440).file(title: "", description: "").contains("– reached"))
        figures.fail.log = GateFigures.largestLog
        figures.pass.boundaryLog = 0
        let far = OddsDrawing(figures: figures).drawing(440).file(title: "", description: "")
        #expect(far.contains("width=\"440\" height=\"14\"") && far.contains("over a million to 1"))
    }

    @Test("of traffic shows the share of each piece of time, and marks what is close together with one pin")
    func traffic() {
        let events: [TrafficDrawing.Event] = [
            .init(seconds: 0, words: "a", mark: .active), .init(seconds: 0.1, words: "b", mark: .bad),
            .init(seconds: 30, words: "c", mark: .good),
        ]
        let drawing = TrafficDrawing(DashboardSamples.traffic, events: events, seconds: 40)
        #expect(!drawing.isEmpty && drawing.bins.allSatisfy { abs(($0.share ?? 0) - 0.1) < 1e-9 })
        #expect(drawing.bins.reduce(0) { $0 + $1.stable } == 3600)
        let svg = drawing.drawing(1000).file(title: "", description: "")
        #expect(svg.contains(">1–2</text>") && svg.contains(">3</text>") && svg.contains("pin bad"))
        #expect(TrafficDrawing(TrafficPoints(), events: [], seconds: 0).isEmpty)
    }

    @Test("points of traffic are bounded, and lose no request")
    func thinning() {
        var points = TrafficPoints()
        points.absorb([
            RecordedReading(t: 0, source: "stable history", stable: SideCounts(requests: 5), candidate: SideCounts())
        ])
        points.absorb(
            (1...10_000).map {
                RecordedReading(
                    t: Double($0), stable: SideCounts(requests: 9 * $0), candidate: SideCounts(requests: $0))
            })
        points.absorb([
            RecordedReading(
                t: 99_999, source: "server", stable: SideCounts(requests: 7), candidate: SideCounts(requests: 1))
        ])
        #expect(points.points.count <= TrafficPoints.most && points.points.last?.candidate == 10_000)
        let drawing = TrafficDrawing(points, events: [], seconds: 10_000)
        #expect(drawing.bins.reduce(0) { $0 + $1.candidate } == 10_000)
    }
}

@Suite("Numbers on pages")
struct NumbersTests {
    @Test("have separators, three significant digits, and units")
    func texts() {
        #expect(
            Numbers.count(1_234_567) == "1,234,567" && Numbers.count(-1000) == "-1,000"
                && Numbers.count(Double.nan) == "–")
        #expect(Numbers.percent(0.012345) == "1.23 %" && Numbers.percent(1) == "100 %" && Numbers.percent(0) == "0 %")
        #expect(Numbers.seconds(0.0125) == "12.5 ms" && Numbers.seconds(2.5) == "2.5 s")
        #expect(Numbers.span(0.04) == "40 ms" && Numbers.span(1500) == "25 min" && Numbers.span(7200) == "2 h")
        #expect(Numbers.span(0) == "0 s" && Numbers.span(4.25) == "4.3 s" && Numbers.span(80) == "1 min 20 s")
        #expect(Numbers.span(7500) == "2 h 05 min" && Numbers.span(200_000) == "2 d 7 h" && Numbers.span(-1) == "–")
        #expect(
            Numbers.odds(-3) == "1 to 1" && Numbers.odds(log(20)) == "20 to 1"
                && Numbers.odds(99) == "over a million to 1")
    }

    @Test("the interval of a share is Wilson's")
    func wilson() {
        let interval = WilsonInterval(hits: 5, of: 21)
        #expect(abs(interval.low - 0.1063) < 0.0005 && abs(interval.high - 0.4509) < 0.0005)
        #expect(
            WilsonInterval(hits: 0, of: 100).low == 0 && abs(WilsonInterval(hits: 0, of: 100).high - 0.037) < 0.0005)
        let unknown = WilsonInterval(hits: 1, of: 0)
        #expect(unknown.low == 0 && unknown.high == 1)
    }

    @Test("a scale has round ticks in its range")
    func ticks() {
        let ticks = Scale(from: 0...97, to: (0, 970)).ticks(most: 5)
        #expect(ticks == [0, 20, 40, 60, 80])
        #expect(Scale(from: 0...1860, to: (0, 1)).timeTicks(most: 8) == [0, 300, 600, 900, 1200, 1500, 1800])
        #expect(Scale(from: 0...24, to: (0, 1)).timeTicks(most: 8) == [0, 5, 10, 15, 20])
        #expect(Scale(from: 0...0, to: (3, 9)).ticks(most: 5).isEmpty && Scale(from: 0...0, to: (3, 9))(1) == 3)
        #expect(Scale(from: 0...10, to: (0, 100))(99) == 100)
    }
}
