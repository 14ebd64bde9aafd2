/// The points of a Prometheus range query over the last `over`, reduced to one value.
public struct MetricRange: Hashable, Codable, Sendable {
    public enum Reduction: String, CaseIterable, Codable, Sendable { case max, min, mean, last }

    /// A tenth of what Prometheus itself allows: one value for a gate needs no more.
    public static let pointLimit = 1_000

    public var over: Duration
    public var step: Duration
    /// Applies to the points that are numbers; others are left out.
    public var reduce: Reduction
    /// With fewer points that are numbers, there are no data.
    public var minPoints: Int

    public init(over: Duration, step: Duration = .seconds(15), reduce: Reduction, minPoints: Int = 1) {
        self.over = over
        self.step = step
        self.reduce = reduce
        self.minPoints = minPoints
    }

    /// The number of steps between the first point and the last, which is the time of the query.
    public var stepCount: Int { Int((over / step).rounded(.down)) }

    public var pointCount: Int { stepCount + 1 }
}
