import RealModule

/// The requests of one instance in the order in which they end, and which of them fail: single failures, and events that fail
/// several in a row (a batch, a restart, a stall). Counts them as the proxy does (`FailureClumps`).
package struct FailureStream: Sendable {
    /// The most failures that the proxy counts as one event, if no good answer comes in between.
    package static let largestEvent = 60

    /// The probability that a request fails by itself, and that it begins an event.
    package var single: Double { didSet { distance = nil } }
    package var event = 0.0
    package var eventSizes = 1...1
    /// Whether the requests of an event end within milliseconds (a batch, a stall) or one after another (a restart).
    package var atOnce = true

    package struct Counts: Sendable {
        package var requests = 0
        package var failures = 0
        /// The sum, over all failures, of the number of failures in the same event.
        package var together = 0
    }

    /// The remaining failures of the current event.
    private var left = 0
    private var isFirst = true
    /// Requests until the next failure outside the event; nil: not drawn yet.
    private var distance: Int?
    private var run = 0
    private var runIsAtOnce = false
    /// The part of the run that is counted already.
    private var entered = 0
    private var lastFailed = false

    package init(single: Double, event: Double = 0, eventSizes: ClosedRange<Int> = 1...1, atOnce: Bool = true) {
        self.single = single
        self.event = event
        self.eventSizes = eventSizes
        self.atOnce = atOnce
    }

    /// All failures come in events of one size.
    package static func clumps(of size: Int, rate: Double) -> FailureStream {
        FailureStream(single: 0, event: rate / Double(size), eventSizes: size...size)
    }

    package mutating func next(_ requests: Int, _ draws: inout SeededDraws) -> Counts {
        var counts = Counts(requests: requests)
        var rest = requests
        while rest > 0 {
            if left > 0 {
                left -= 1
                rest -= 1
                fail(&counts, isAtOnce: atOnce && !isFirst)
                isFirst = false
                continue
            }
            let jump = distance ?? Self.draw(single + event, &draws)
            guard jump < rest else {
                distance = jump - rest
                lastFailed = false
                break
            }
            if jump > 0 { lastFailed = false }
            distance = nil
            rest -= jump
            let begins = event > 0 && draws.uniform() * (single + event) < event
            isFirst = true
            left = begins ? eventSizes.lowerBound + Int(draws.uniform() * Double(eventSizes.count)) : 1
        }
        return counts
    }

    private mutating func fail(_ counts: inout Counts, isAtOnce: Bool) {
        if !lastFailed { (run, runIsAtOnce, entered) = (0, false, 0) }
        lastFailed = true
        run += 1
        runIsAtOnce = runIsAtOnce || isAtOnce
        counts.failures += 1
        // Two in a row may be chance, and more than the largest event is not one event.
        let squares = run > Self.largestEvent ? entered + 1 : runIsAtOnce || run > 2 ? run * run : run
        counts.together += squares - entered
        entered = squares
    }

    /// Good answers before the next failure.
    private static func draw(_ rate: Double, _ draws: inout SeededDraws) -> Int {
        guard rate > 0 else { return .max / 2 }
        guard rate < 1 else { return 0 }
        return Int(min(1e15, (Double.log(1 - draws.uniform()) / Double.log(onePlus: -rate)).rounded(.down)))
    }
}
