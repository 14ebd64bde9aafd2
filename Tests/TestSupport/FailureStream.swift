import RealModule

/// One instance's requests in the order in which they end, and which of them fail: single ones, and events that lose several
/// in a row (a batch, a restart, a stall). Counts them as the proxy does (`FailuresTogether`).
public struct FailureStream: Sendable {
    /// Requests that the proxy takes for one event, if no good answer comes between.
    public static let largestEvent = 60

    /// Chance of a request to fail by itself, and to be the first of an event.
    public var single: Double { didSet { distance = nil } }
    public var event = 0.0
    public var eventSizes = 1...1
    /// The requests of an event end within milliseconds (a batch, a stall), else one after another (a restart).
    public var atOnce = true

    public struct Counts: Sendable {
        public var requests = 0
        public var failures = 0
        /// For each failure, how many failed in the same event, summed.
        public var together = 0
    }

    /// Failures of the event that goes on.
    private var left = 0
    private var isFirst = true
    /// Requests until the next failure that is not of it; nil: to be drawn.
    private var distance: Int?
    private var run = 0
    private var runIsAtOnce = false
    /// Of the run, as entered.
    private var entered = 0
    private var lastFailed = false

    public init(single: Double, event: Double = 0, eventSizes: ClosedRange<Int> = 1...1, atOnce: Bool = true) {
        self.single = single
        self.event = event
        self.eventSizes = eventSizes
        self.atOnce = atOnce
    }

    /// All failures come in events of one size.
    public static func clumps(of size: Int, rate: Double) -> FailureStream {
        FailureStream(single: 0, event: rate / Double(size), eventSizes: size...size)
    }

    public mutating func next(_ requests: Int, _ draws: inout SeededDraws) -> Counts {
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
        // Two in a row may be chance; more than the largest event is no event.
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
