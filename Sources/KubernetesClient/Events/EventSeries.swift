import Foundation

/// Decides which writes the events need. The first event of a kind creates an object. Repetitions within `window` increase its
/// count, with at most one write in `window / 6`. Pure.
struct EventSeries: Sendable {
    enum Write: Hashable, Sendable {
        case create(KubernetesEvent, name: String)
        /// - Parameter at: when the event last happened.
        case count(KubernetesEvent, name: String, count: Int, at: Date)
    }

    private struct Series {
        var name: String
        var count = 1
        var written = 1
        var lastAt: Date
        var writtenAt: Date
    }

    /// As in client-go.
    static let window: TimeInterval = 6 * 60
    static let maximumSeries = 1024

    private var series: [KubernetesEvent: Series] = [:]

    var count: Int { series.count }

    /// - Parameter name: a unique name for a new object.
    mutating func record(_ event: KubernetesEvent, at now: Date, name: @autoclosure () -> String) -> Write? {
        if var known = series[event], now.timeIntervalSince(known.lastAt) < Self.window {
            known.count += 1
            known.lastAt = now
            let isDue = known.written == 1 || now.timeIntervalSince(known.writtenAt) >= Self.window / 6
            if isDue {
                known.written = known.count
                known.writtenAt = now
            }
            series[event] = known
            return isDue ? .count(event, name: known.name, count: known.count, at: now) : nil
        }
        makeRoom(now)
        let name = name()
        series[event] = Series(name: name, lastAt: now, writtenAt: now)
        return .create(event, name: name)
    }

    /// Counts that are not written yet, of series that are over or due.
    mutating func due(at now: Date) -> [Write] {
        var writes: [Write] = []
        for (event, known) in series {
            let isOver = now.timeIntervalSince(known.lastAt) >= Self.window
            if known.written < known.count, isOver || now.timeIntervalSince(known.writtenAt) >= Self.window / 6 {
                writes.append(.count(event, name: known.name, count: known.count, at: known.lastAt))
                series[event]?.written = known.count
                series[event]?.writtenAt = now
            }
            if isOver { series[event] = nil }
        }
        return writes
    }

    private mutating func makeRoom(_ now: Date) {
        guard series.count >= Self.maximumSeries else { return }
        if let oldest = series.min(by: { $0.value.lastAt < $1.value.lastAt }) { series[oldest.key] = nil }
    }
}
