import Foundation

/// When the candidate was not available, as far back as it matters. Pure, and unchanged while nothing changes.
public struct AvailabilityLog: Codable, Equatable, Sendable {
    /// Spans that are kept; older ones are joined, which only makes the sum larger by the time between them.
    static let spanLimit = 64

    struct Span: Codable, Equatable, Sendable {
        var from: Date
        /// Nil: it goes on.
        var to: Date?
    }

    private(set) var spans: [Span] = []
    /// The most instances that were ready at once: more that are wanted later and still load are not missed, for a while.
    private(set) var mostReady = 0
    /// Since when more are wanted than were ever ready at once; nil where none are.
    private(set) var loadingSince: Date?

    /// - Parameters:
    ///   - ready: instances that are ready.
    ///   - wanted: instances that the candidate is to have now.
    ///   - lastLook: when it was looked at before; what lies too far back was seen by nobody, and is not counted.
    ///   - window: what ended before it is forgotten.
    ///   - patience: so long instances that are wanted in addition may load.
    mutating func note(
        ready: Int, wanted: Int, at now: Date, lastLook: Date, gapLimit: Duration, window: Duration, patience: Duration
    ) {
        mostReady = min(max(mostReady, ready), wanted)
        loadingSince = mostReady < wanted ? loadingSince ?? now : nil
        let isLate = loadingSince.map { now.timeIntervalSince($0) >= patience / .seconds(1) } ?? false
        let isAvailable = ready >= (isLate ? wanted : mostReady) && wanted > 0
        if let open = spans.last, open.to == nil {
            if Duration.seconds(now.timeIntervalSince(lastLook)) > gapLimit {
                spans[spans.count - 1].to = max(open.from, lastLook)
                if !isAvailable { spans.append(Span(from: now)) }
            } else if isAvailable {
                spans[spans.count - 1].to = now
            }
        } else if !isAvailable {
            spans.append(Span(from: now))
        }
        let horizon = now.addingTimeInterval(-(window / .seconds(1)))
        spans.removeAll { $0.to.map { $0 <= horizon } ?? false }
        while spans.count > Self.spanLimit {
            spans[1].from = spans[0].from
            spans.removeFirst()
        }
    }

    /// Time without availability in the window that ends now.
    func unavailable(in window: Duration, at now: Date) -> Duration {
        let horizon = now.addingTimeInterval(-(window / .seconds(1)))
        return spans.reduce(.zero) { sum, span in
            sum + .seconds(max(0, (span.to ?? now).timeIntervalSince(max(span.from, horizon))))
        }
    }

    /// Since when it has not been available; nil while it is.
    public var unavailableSince: Date? { spans.last.flatMap { $0.to == nil ? $0.from : nil } }
}
