import Foundation

/// The traffic of a rollout over time, as the gates counted it: the candidate's share of the requests, and below it each side's
/// share of failed ones. Steps and commits are marked with numbers; the page lists them.
struct TrafficDrawing {
    /// Something that happened, in seconds since the start.
    struct Event {
        var seconds: Double
        var words: String
        var mark: Mark
    }

    /// The counts of a piece of time.
    struct Bin: Equatable {
        var seconds: Double
        var stable = 0
        var candidate = 0
        var stableFailed = 0
        var candidateFailed = 0

        var share: Double? {
            let all = stable + candidate
            return all > 0 ? Double(candidate) / Double(all) : nil
        }
    }

    static let binLimit = 80
    static let eventLimit = 24

    let bins: [Bin]
    let events: [Event]
    let seconds: Double

    /// - Parameters:
    ///   - points: oldest first.
    ///   - seconds: the length of the rollout.
    init(_ points: TrafficPoints, events: [Event], seconds: Double) {
        let points = points.points
        self.events = Array(events.prefix(Self.eventLimit))
        self.seconds = max(seconds, points.last?.t ?? 0, events.last?.seconds ?? 0, 1)
        bins = Self.bins(points, seconds: self.seconds)
    }

    private static func bins(_ points: [TrafficPoint], seconds: Double) -> [Bin] {
        let length = seconds / Double(binLimit)
        var bins: [Int: Bin] = [:]
        var last = TrafficPoint(t: 0, stable: 0, candidate: 0)
        for point in points {
            let index = min(max(Int(point.t / length), 0), binLimit - 1)
            var bin = bins[index] ?? Bin(seconds: (Double(index) + 0.5) * length)
            bin.stable += max(0, point.stable - last.stable)
            bin.candidate += max(0, point.candidate - last.candidate)
            bin.stableFailed += max(0, point.stableFailed - last.stableFailed)
            bin.candidateFailed += max(0, point.candidateFailed - last.candidateFailed)
            bins[index] = bin
            last = point
        }
        return bins.values.filter { $0.share != nil }.sorted { $0.seconds < $1.seconds }
    }

    var isEmpty: Bool { bins.count < 2 }

    var title: String { "Traffic during the rollout" }

    var description: String {
        let shares = bins.compactMap(\.share)
        let all = bins.reduce(0) { $0 + $1.stable + $1.candidate }
        return "The candidate's share of \(Numbers.count(all)) requests over \(Numbers.span(seconds)), from "
            + "\(Numbers.percent(shares.first ?? 0)) at first to \(Numbers.percent(shares.last ?? 0)) at last, at most "
            + "\(Numbers.percent(shares.max() ?? 0)). The table below has the steps and decisions."
    }

    func figure(id: String) -> Figure {
        Figure(id: id, title: title, description: description, wide: drawing(1000), narrow: drawing(340))
    }

    private static let left = 46.0
    private static let shareBottom = 150.0
    private static let failedTop = 190.0
    private static let failedBottom = 250.0

    func drawing(_ width: Double) -> Drawing {
        var drawing = Drawing(width: width, height: 276)
        let x = Scale(from: 0...seconds, to: (Self.left, width - 12))
        for tick in x.timeTicks(most: width < 500 ? 3 : 8) {
            drawing.text(x(tick), Self.failedBottom + 18, Numbers.span(tick), "muted middle")
        }
        drawShares(x, on: &drawing)
        drawFailures(x, on: &drawing)
        for group in pins(x) {
            guard let first = group.first, let last = group.last else { continue }
            for (_, place, event) in group {
                drawing.line(place, 22, place, Self.failedBottom, "mark \(event.mark.rawValue)")
            }
            let text = first.number == last.number ? "\(first.number)" : "\(first.number)–\(last.number)"
            let worst = Self.severity.first { mark in group.contains { $0.event.mark == mark } } ?? .plain
            let width = Double(text.count) * 7.5 + 12
            let left = min(max(first.place - 9, 0), drawing.width - width)
            let hint = group.map(\.event.words).joined(separator: "; ")
            drawing.box(left, 2, width, 18, "pin \(worst.rawValue)", round: 9, hint: hint)
            drawing.text(left + width / 2, 15, text, "pin middle")
        }
        return drawing
    }

    private static let severity: [Mark] = [.bad, .warning, .good, .active]

    /// The events with their numbers, from 1, and places; those that are too close to each other share a pin.
    private func pins(_ x: Scale) -> [[(number: Int, place: Double, event: Event)]] {
        var groups: [[(number: Int, place: Double, event: Event)]] = []
        for (index, event) in events.enumerated() {
            let pin = (number: index + 1, place: x(event.seconds), event: event)
            if let start = groups.last?.first?.place, pin.place - start < Self.pinDistance {
                groups[groups.count - 1].append(pin)
            } else {
                groups.append([pin])
            }
        }
        return groups
    }

    private static let pinDistance = 44.0

    private func drawShares(_ x: Scale, on drawing: inout Drawing) {
        let y = Scale(from: 0...1, to: (Self.shareBottom, 28))
        for share in [0.0, 0.25, 0.5, 0.75, 1] {
            drawing.line(Self.left, y(share), drawing.width - 12, y(share), "grid")
            guard share != 0.25, share != 0.75 else { continue }
            drawing.text(Self.left - 6, y(share) + 4, Numbers.percent(share), "muted end")
        }
        let points = bins.compactMap { bin in bin.share.map { (x: x(bin.seconds), y: y($0)) } }
        drawing.area(points, downTo: y(0), "candidate area")
        drawing.curve(points, "candidate curve")
    }

    private func drawFailures(_ x: Scale, on drawing: inout Drawing) {
        func share(_ failed: Int, _ all: Int) -> Double? { all > 0 ? Double(failed) / Double(all) : nil }
        let stable = bins.compactMap { bin in share(bin.stableFailed, bin.stable).map { (bin.seconds, $0) } }
        let candidate = bins.compactMap { bin in share(bin.candidateFailed, bin.candidate).map { (bin.seconds, $0) } }
        let most = (stable + candidate).map(\.1).max() ?? 0
        let y = Scale(from: 0...max(most, 0.01), to: (Self.failedBottom, Self.failedTop))
        drawing.line(Self.left, y(0), drawing.width - 12, y(0), "grid")
        drawing.text(Self.left - 6, y(0) + 4, "0", "muted end")
        drawing.text(Self.left - 6, Self.failedTop + 4, Numbers.percent(max(most, 0.01)), "muted end")
        drawing.text(Self.left, Self.failedTop - 10, "failed requests", "muted")
        drawing.curve(stable.map { (x($0.0), y($0.1)) }, "stable curve")
        drawing.curve(candidate.map { (x($0.0), y($0.1)) }, "candidate curve")
    }
}
