/// Points over a stretch of time that ends when it is asked, brought to one value: what Prometheus calls a range query.
public struct MetricRange: Hashable, Codable, Sendable {
    public enum Reduction: String, CaseIterable, Codable, Sendable { case max, min, mean, last }

    /// A tenth of what Prometheus itself answers: one value a gate needs no more.
    public static let pointLimit = 1_000

    public var over: Duration
    public var step: Duration
    /// Of the points that are numbers; those that are not are left out.
    public var reduce: Reduction
    /// Fewer points that are numbers are no data.
    public var minPoints: Int

    public init(over: Duration, step: Duration = .seconds(15), reduce: Reduction, minPoints: Int = 1) {
        self.over = over
        self.step = step
        self.reduce = reduce
        self.minPoints = minPoints
    }

    /// Between two points, so that the last is the moment at which it is asked.
    public var stepCount: Int { Int((over / step).rounded(.down)) }

    public var pointCount: Int { stepCount + 1 }
}
