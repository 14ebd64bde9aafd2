/// The share of recent requests that failed: an exponential moving average over about 16 requests.
struct FailureShare: Hashable, Sendable {
    private static let one: Int32 = 1 << 16
    /// Smaller differences in the share are treated as chance.
    private static let margin: Int32 = one / 8

    private var share: Int32 = 0

    @inline(__always)
    mutating func note(failed: Bool) { share += ((failed ? Self.one : 0) - share) >> 4 }

    /// More than half.
    var isMostly: Bool { share > Self.one / 2 }
    /// More than a quarter.
    var isOften: Bool { share > Self.one / 4 }

    @inline(__always)
    func isWorse(than other: FailureShare) -> Bool { share > other.share + Self.margin }
}
