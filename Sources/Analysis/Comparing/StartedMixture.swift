import RealModule

/// A mixture's e-process that is begun again and again, so that a long healthy past does not make it slow.
///
/// Eight tenths of its wealth are staked on the mixture at the start. Of the rest a part is staked before each look that
/// follows one which looked like trouble: `EndlessShares`, which never run out. What is not staked yet is kept as it is. A
/// sum of e-processes whose weights add up to 1 is one itself, so the promise holds for ever, over all starts together (an
/// e-detector: Shin, Ramdas, Rinaldo 2024).
///
/// All starts of an alternative bet the same from then on, so that their wealth is one number: what was won is
/// multiplied, what is staked anew is added.
struct StartedMixture: Codable, Hashable, Sendable {
    /// What is held back for later starts.
    static let later = 0.2
    /// Less is as good as nothing, and a number that can be written.
    private static let leastLog = -1e12

    /// ln of the wealth of each alternative, over all starts.
    private(set) var logs: [Double]
    /// Not staked yet.
    private(set) var reserve = StartedMixture.later
    private(set) var starts = 1

    /// - Parameter logPriors: ln of each alternative's weight; the weights sum to 1.
    init(logPriors: [Double]) {
        logs = logPriors.map { Self.shortened($0 + .log(1 - Self.later)) }
    }

    init(_ grid: AlternativeGrid) { self.init(logPriors: grid.alternatives.map(\.logPrior)) }

    /// A list of numbers, for records have to stay small. An older version kept one start alone, as ln of the product of each
    /// alternative without its prior: those go on as the first start's wealth, evenly staked. However it is staked, the
    /// promise holds.
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

    /// Before a look, whatever it will bring.
    mutating func start(logPriors: [Double]) {
        starts += 1
        let stake = min(Self.later * EndlessShares.share(starts - 1), reserve)
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

    /// - Parameter logEVariables: ln of each alternative's, of one block.
    mutating func absorb(_ logEVariables: [Double]) {
        for (index, log) in logEVariables.enumerated() {
            logs[index] = Self.shortened(max(logs[index] + log, Self.leastLog))
        }
    }

    /// To seven decimals, rounded down: shorter to write, and less evidence is always valid.
    private static func shortened(_ log: Double) -> Double { (log * 1e7).rounded(.down) / 1e7 }

    /// ln e now.
    var logValue: Double { logValue(after: nil) }

    /// ln e after a block with these E-variables.
    func logValue(after logEVariables: [Double]?) -> Double {
        var sum = LogSum()
        if reserve > 0 { sum.add(.log(reserve)) }
        for (index, log) in logs.enumerated() { sum.add(log + (logEVariables?[index] ?? 0)) }
        return sum.log
    }
}
