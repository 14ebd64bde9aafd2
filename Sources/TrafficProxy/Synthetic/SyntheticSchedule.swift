/// How many recorded requests are due. Delays are not made up: what a busy loop missed beyond `atOnceMax` is skipped, so that
/// there is no burst.
struct SyntheticPace: Hashable, Sendable {
    private static let shortestTickSeconds = 0.01
    private static let longestTickSeconds = 3600.0

    private let ratePerSecond: Double
    private let atOnceMax: Int
    private var lastNanoseconds: Int64
    private var credit = 0.0

    init(ratePerSecond: Double, atOnceMax: Int, nowNanoseconds: Int64) {
        self.ratePerSecond = ratePerSecond
        self.atOnceMax = atOnceMax
        lastNanoseconds = nowNanoseconds
    }

    /// The interval of calls to `due`.
    var tickNanoseconds: Int64 {
        let seconds = max(Self.shortestTickSeconds, min(Self.longestTickSeconds, 1 / ratePerSecond))
        return Int64(seconds * 1e9)
    }

    mutating func due(nowNanoseconds: Int64) -> Int {
        credit += Double(max(0, nowNanoseconds - lastNanoseconds)) / 1e9 * ratePerSecond
        lastNanoseconds = nowNanoseconds
        // Ticks come slightly early or late, so almost a whole request counts as one.
        let whole = (credit + 1e-6).rounded(.down)
        credit = max(0, credit - whole)
        return Int(min(whole, Double(atOnceMax)))
    }
}

/// Which recorded request goes where next. A request is drawn at random and goes to every revision, in a random order. So all
/// revisions get the same requests.
struct SyntheticDraw: Hashable, Sendable {
    private var request = 0
    private var order: [Int] = []

    mutating func next(
        requests: Int, revisions: Int, using random: inout some RandomNumberGenerator
    ) -> (request: Int, revision: Int) {
        if order.isEmpty {
            request = Int.random(in: 0..<requests, using: &random)
            order = Array(0..<revisions).shuffled(using: &random)
        }
        return (request, order.removeLast())
    }

    /// The revisions changed.
    mutating func restart() { order = [] }
}
