import Foundation

/// When the candidate was not available, within the window that matters. A pure value that stays equal while nothing
/// changes.
package struct AvailabilityLog: Codable, Equatable, Sendable {
    /// The most spans that are kept. Older ones are joined, which adds the time between them to the sum.
    static let spanLimit = 64

    struct Span: Codable, Equatable, Sendable {
        var from: Date
        /// Nil: the span is still open.
        var to: Date?
    }

    private(set) var spans: [Span] = []
    /// The most instances that were ready at once. If more are wanted later, those do not count as missing while they
    /// load.
    private(set) var mostReady = 0
    /// Since when more instances are wanted than were ever ready at once. Nil if no more are wanted.
    private(set) var loadingSince: Date?

    /// - Parameters:
    ///   - ready: the number of ready instances.
    ///   - wanted: the number of instances that the candidate should have now.
    ///   - lastLook: the time of the previous look. A gap longer than `gapLimit` was not observed and does not count.
    ///   - window: spans that ended before this window are dropped.
    ///   - patience: how long additional instances may load.
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

    /// The time without availability in the window that ends now.
    func unavailable(in window: Duration, at now: Date) -> Duration {
        let horizon = now.addingTimeInterval(-(window / .seconds(1)))
        return spans.reduce(.zero) { sum, span in
            sum + .seconds(max(0, (span.to ?? now).timeIntervalSince(max(span.from, horizon))))
        }
    }

    /// Since when it has not been available. Nil while it is available.
    package var unavailableSince: Date? { spans.last.flatMap { $0.to == nil ? $0.from : nil } }
}
