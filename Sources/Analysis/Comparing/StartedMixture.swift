import RealModule

/// A mixture's e-process that is begun again and again, so that a long healthy past does not make it slow.
///
/// Eight tenths of its wealth are staked on the mixture at the start. Of the rest a part is staked before each look that
/// follows one in which the candidate failed: `EndlessShares`, which never run out. What
/// is not staked yet is kept as it is. A sum of e-processes whose weights add up to 1 is one itself, so the promise holds
/// for ever, over all starts together (an e-detector: Shin, Ramdas, Rinaldo 2024).
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

    init(_ grid: AlternativeGrid) {
        logs = grid.alternatives.map { MixtureEvidence.shortened($0.logPrior + .log(1 - Self.later)) }
    }

    /// Evidence that an older version kept had one start, and the grid `regressions`: ln of each alternative's product,
    /// without its prior. It goes on as the first start's wealth; alternatives that it had not get nothing of it.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        logs = try fields.decode([Double].self, forKey: .logs)
        if let reserve = try fields.decodeIfPresent(Double.self, forKey: .reserve) {
            self.reserve = reserve
            starts = try fields.decode(Int.self, forKey: .starts)
            return
        }
        let former = AlternativeGrid.regressions.alternatives
        logs = zip(logs, former).map { $0 + $1.logPrior + .log(1 - Self.later) }
        logs += Array(
            repeating: Self.leastLog, count: max(0, AlternativeGrid.increases.alternatives.count - logs.count))
    }

    /// Before a look, whatever it will bring.
    mutating func start(_ grid: AlternativeGrid) {
        starts += 1
        let stake = min(Self.later * EndlessShares.share(starts - 1), reserve)
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
