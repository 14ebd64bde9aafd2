import RealModule

/// An e-process of a mixture that starts again repeatedly, so that a long healthy past does not make it slow.
///
/// Eight tenths of its wealth are staked on the mixture at the start. A part of the rest is staked before each look
/// that follows a bad one, in shares that never run out (`ConvergentShares`). The part that is not yet staked stays
/// unchanged. A sum of e-processes whose weights sum to 1 is an e-process, so the guarantee holds for all starts
/// together and without an end (an e-detector: Shin, Ramdas, Rinaldo 2024).
///
/// After their start, all starts of one alternative bet the same. So one number holds their wealth: winnings multiply
/// it, and a new stake is added to it.
struct RestartedMixture: Codable, Hashable, Sendable {
    /// The part that is reserved for later starts.
    static let later = 0.2
    /// A smaller value has no effect, and this one can be stored.
    private static let leastLog = -1e12

    /// ln of the wealth of each alternative, over all starts.
    private(set) var logs: [Double]
    /// The part that is not yet staked.
    private(set) var reserve = RestartedMixture.later
    private(set) var starts = 1

    /// - Parameter logPriors: ln of each alternative's weight; the weights sum to 1.
    init(logPriors: [Double]) {
        logs = logPriors.map { Self.shortened($0 + .log(1 - Self.later)) }
    }

    init(_ grid: AlternativeGrid) { self.init(logPriors: grid.alternatives.map(\.logPrior)) }

    /// Coded as a list of numbers, because records must stay small. An older version stored only one start, as ln of
    /// the product of each alternative without its prior. These continue as the wealth of the first start, in equal
    /// parts. The guarantee holds for any distribution of the stakes.
    init(from decoder: any Decoder) throws {
        if let fields = try? decoder.container(keyedBy: FormerKeys.self) {
            let products = try fields.decode([Double].self, forKey: .logs)
            self.init(logPriors: products.map { $0 - .log(Double(products.count)) })
            return
        }
        var list = try decoder.unkeyedContainer()
        self.init(logPriors: [])
        reserve = try list.decode(Double.self)
        starts = try list.decode(Int.self)
        while !list.isAtEnd { logs.append(try list.decode(Double.self)) }
    }

    private enum FormerKeys: String, CodingKey { case logs }

    func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        try list.encode(reserve)
        try list.encode(starts)
        for log in logs { try list.encode(log) }
    }

    /// Starts again, before a look and independently of its result.
    mutating func start(logPriors: [Double]) {
        starts += 1
        let stake = min(Self.later * ConvergentShares.share(starts - 1), reserve)
        guard stake > 0 else { return }
        reserve = Self.shortened(reserve - stake)
        let log = Double.log(stake)
        for (index, logPrior) in logPriors.enumerated() {
            var sum = LogSum()
            sum.add(logs[index])
            sum.add(log + logPrior)
            logs[index] = Self.shortened(sum.log)
        }
    }

    mutating func start(_ grid: AlternativeGrid) { start(logPriors: grid.alternatives.map(\.logPrior)) }

    /// - Parameter logEVariables: ln of each alternative's E-variable for one block.
    mutating func absorb(_ logEVariables: [Double]) {
        for (index, log) in logEVariables.enumerated() {
            logs[index] = Self.shortened(max(logs[index] + log, Self.leastLog))
        }
    }

    /// Rounds down to seven decimals to keep the record short; less evidence is always valid.
    private static func shortened(_ log: Double) -> Double { (log * 1e7).rounded(.down) / 1e7 }

    /// ln of the current evidence.
    var logValue: Double { logValue(after: nil) }

    /// ln of the evidence after a block with these E-variables.
    func logValue(after logEVariables: [Double]?) -> Double {
        var sum = LogSum()
        if reserve > 0 { sum.add(.log(reserve)) }
        for (index, log) in logs.enumerated() { sum.add(log + (logEVariables?[index] ?? 0)) }
        return sum.log
    }
}
