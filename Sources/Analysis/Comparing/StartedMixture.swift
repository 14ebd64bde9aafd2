import RealModule

/// A mixture's e-process that is begun again and again, so that a long healthy past does not make it slow.
///
/// Seven tenths of its wealth are staked on the mixture at the start. Of the rest a part is staked before each look that follows
/// one with a failure: 1/(n ln² n) for the n-th, which add up to all of it and never run out. What is not staked yet is
/// kept as it is. A sum of e-processes whose weights add up to 1 is one itself, so the promise holds for ever, over all
/// starts together.
///
/// All starts of an alternative bet the same from then on, so that their wealth is one number: what was won is multiplied,
/// what is staked anew is added.
struct StartedMixture: Codable, Hashable, Sendable {
    /// Σ 1/(n ln² n) for n = 2, 3, …
    private static let sumOfShares = 2.1097

    /// ln of the wealth of each alternative, over all starts.
    private(set) var logs: [Double]
    /// Not staked yet.
    private(set) var reserve = StartedMixture.later
    private(set) var starts = 1

    /// What is held back for later starts.
    static let later = 0.3

    /// Evidence that an older version kept had one start and other alternatives: ln of each one's product, without its
    /// prior. Its wealth is that of the first start; what is alike goes on, and the last one's is given to its neighbour.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        logs = try fields.decode([Double].self, forKey: .logs)
        if let reserve = try fields.decodeIfPresent(Double.self, forKey: .reserve) {
            self.reserve = reserve
            starts = try fields.decode(Int.self, forKey: .starts)
            return
        }
        let products = zip(logs, Self.formerPriors).map { Self.logFirst + .log($1) + $0 }
        let count = AlternativeGrid.regressions.alternatives.count
        logs = products + Array(repeating: Self.leastLog, count: max(0, count - products.count))
    }

    private static let formerPriors = [0.015, 0.035, 0.035, 0.15, 0.11, 0.12, 0.45, 0.07, 0.015]
    private static let logFirst = Double.log(1 - later)

    init(_ grid: AlternativeGrid) {
        logs = grid.alternatives.map { MixtureEvidence.shortened($0.logPrior + Self.logFirst) }
    }

    /// What the n-th start stakes; n from 2.
    static func stake(ofStart number: Int) -> Double {
        let n = Double(number)
        let log = Double.log(n)
        return later / sumOfShares / (n * log * log)
    }

    /// Before a look.
    mutating func start(_ grid: AlternativeGrid) {
        starts += 1
        let stake = min(Self.stake(ofStart: starts), reserve)
        guard stake > 0 else { return }
        reserve -= stake
        let log = Double.log(stake)
        for (index, alternative) in grid.alternatives.enumerated() {
            var sum = LogSum()
            sum.add(logs[index])
            sum.add(log + alternative.logPrior)
            logs[index] = MixtureEvidence.shortened(sum.log)
        }
    }

    /// - Parameter logEVariables: ln of each alternative's, of one block.
    mutating func absorb(_ logEVariables: [Double]) {
        for (index, log) in logEVariables.enumerated() {
            logs[index] = MixtureEvidence.shortened(max(logs[index] + log, Self.leastLog))
        }
    }

    /// Less is as good as nothing, and a number that can be written.
    private static let leastLog = -1e12

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
