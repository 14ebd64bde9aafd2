import RealModule

/// How much a look counts, for failures come in clumps: a server fails a whole batch, restarts, or stalls.
///
/// A likelihood ratio to the power 1/c keeps the promise however requests depend on each other within groups of c: of
/// each group it is at most the mean of its requests' ratios. So the weight of a look is 1/c. A look's clump size is that
/// which its failures tell (`Trials.together`), in units of what chance alone makes of single ones; it does not depend on
/// which side a failure fell on. Looks without any failure weigh as the looks before them did, where that matters: for a
/// pass, which is made of them.
///
/// A source that does not tell is believed to have single failures, until they spread more over its looks than chance
/// would have it.
struct ClumpWeights: Codable, Hashable, Sendable {
    /// So many requests of a candidate that never answered well are not taken for one event: it has not restarted, it is
    /// broken.
    static let failuresFromTheStart = 8.0
    /// Requests that an event loses.
    static let largestClump = 60.0
    /// Failures that are remembered of how they come, with exponential forgetting.
    private static let failuresRemembered = 400.0
    /// What is believed before anything is seen: single failures, so many.
    private static let priorFailures = 4.0
    private static let priorOfSpread = 30.0
    /// A spread that is no more than this may be chance.
    private static let spreadOfChance = 1.9

    private var stable = PastRate()
    private var candidate = PastRate()
    private var told = ClumpSize()
    private var spread = ClumpSize()
    private var last: RateBlock?
    private var candidateHasAnswered = false
    private var failuresFromTheStart = 0.0

    /// Failures that were one event, in the mean over all looks: what evidence that is made of looks without failures is to
    /// be divided by.
    var meanClump: Double {
        max(1, told.mean(believing: 0), learntSpread)
    }

    private var learntSpread: Double {
        let mean = spread.mean(believing: Self.priorOfSpread)
        return mean > Self.spreadOfChance ? mean : 1
    }

    /// The exponent of a look's likelihood ratios, 0…1; later looks learn from it.
    mutating func weigh(_ block: RateBlock) -> Double {
        let isBrokenFromTheStart = lookAtFirstAnswers(block.candidate)
        let failures = block.stable.successes + block.candidate.successes
        var now = ClumpSize()
        if let together = block.together, failures > 0 {
            now = ClumpSize(squares: together, failures: failures * expectedByChance(block))
        }
        let usual = max(told.mean(believing: Self.priorFailures), learntSpread)
        learn(block, now)
        return isBrokenFromTheStart ? 1 : 1 / max(1, now.mean(believing: 0), usual)
    }

    /// The mean size of the event that a failure belongs to, where chance alone makes runs of them: (1 + p)/(1 − p).
    private func expectedByChance(_ block: RateBlock) -> Double {
        let (ofStable, ofCandidate) = (block.stable.count * stable.rate, block.candidate.count * candidate.rate)
        return (ofStable * stable.meanRun + ofCandidate * candidate.meanRun) / (ofStable + ofCandidate)
    }

    /// True where the candidate has failed all there was, and that is enough to see.
    private mutating func lookAtFirstAnswers(_ candidate: Trials) -> Bool {
        guard !candidateHasAnswered else { return false }
        failuresFromTheStart = short(failuresFromTheStart + candidate.successes)
        candidateHasAnswered = candidate.successes < candidate.count * 0.999
        return !candidateHasAnswered && failuresFromTheStart >= Self.failuresFromTheStart
    }

    private mutating func learn(_ block: RateBlock, _ now: ClumpSize) {
        if block.together == nil { learnSpread(block) }
        last = block.together == nil ? block.shortened : nil
        told.learn(now, remembering: Self.failuresRemembered)
        stable.learn(block.stable)
        candidate.learn(block.candidate)
    }

    /// Two looks of a side share their failures by their sizes: what chance makes of single ones has a mean square of 1,
    /// in units of its variance, and clumps of c have c. Whatever the rate is, as long as both looks have the same.
    private mutating func learnSpread(_ block: RateBlock) {
        guard let last else { return }
        for side in [\RateBlock.stable, \RateBlock.candidate] {
            let (before, now) = (last[keyPath: side], block[keyPath: side])
            let failures = before.successes + now.successes
            guard failures >= 2, before.count > 0, now.count > 0 else { continue }
            let share = now.count / (before.count + now.count)
            let off = now.successes - failures * share
            let size = min(off * off / (failures * share * (1 - share)), Self.largestClump)
            spread.learn(ClumpSize(squares: size * failures, failures: failures), remembering: Self.failuresRemembered)
        }
    }
}

/// Kept as a list of numbers: a gate's evidence is kept in a record that has to stay small.
extension ClumpWeights {
    init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        func pair() throws -> (Double, Double) { (try list.decode(Double.self), try list.decode(Double.self)) }
        self.init()
        (stable.answers, stable.events) = try pair()
        (candidate.answers, candidate.events) = try pair()
        (told.squares, told.failures) = try pair()
        (spread.squares, spread.failures) = try pair()
        let isAnswered: Double
        (isAnswered, failuresFromTheStart) = try pair()
        candidateHasAnswered = isAnswered > 0
        guard !list.isAtEnd else { return }
        var block = RateBlock.empty
        (block.stable.count, block.stable.successes) = try pair()
        (block.candidate.count, block.candidate.successes) = try pair()
        last = block
    }

    func encode(to encoder: any Encoder) throws {
        var numbers = [
            stable.answers, stable.events, candidate.answers, candidate.events, told.squares, told.failures,
            spread.squares, spread.failures, candidateHasAnswered ? 1 : 0, failuresFromTheStart,
        ]
        if let last {
            numbers += [last.stable.count, last.stable.successes, last.candidate.count, last.candidate.successes]
        }
        var list = encoder.unkeyedContainer()
        for number in numbers { try list.encode(number) }
    }
}

/// The mean size of the event that a failure belongs to, as a sum of such sizes over failures.
private struct ClumpSize: Hashable, Sendable {
    var squares = 0.0
    var failures = 0.0

    func mean(believing single: Double) -> Double {
        failures + single > 0 ? (squares + single) / (failures + single) : 1
    }

    mutating func learn(_ later: ClumpSize, remembering limit: Double) {
        let kept = min(1, limit / max(1, failures + later.failures))
        squares = short((squares + later.squares) * kept)
        failures = short((failures + later.failures) * kept)
    }
}

/// A side's rate of failures as if they were single ones: events that begin, over good answers, from past looks.
private struct PastRate: Hashable, Sendable {
    private static let memory = 300.0
    private static let largest = 0.9

    var answers = 4.0
    var events = 0.04

    var rate: Double {
        let ratio = events / answers
        return min(ratio < 1 ? ratio / (1 - ratio) : 1, Self.largest)
    }

    /// The size of the run that a failure belongs to, where runs are chance and two in a row count as single ones.
    var meanRun: Double { (1 + rate) / (1 - rate) - 2 * rate * (1 - rate) * (1 - rate) }

    /// Failures of one size c are so many over c events; of single ones that are adjacent by chance, p/(1 + p) of good
    /// answers.
    mutating func learn(_ trials: Trials) {
        answers += trials.count - trials.successes
        if let together = trials.together, together > 0 { events += trials.successes * trials.successes / together }
        let kept = min(1, Self.memory / answers)
        (events, answers) = (short(events * kept), short(answers * kept))
    }
}

extension RateBlock {
    fileprivate var shortened: RateBlock {
        func shortened(_ trials: Trials) -> Trials {
            Trials(count: short(trials.count), successes: short(trials.successes))
        }
        return RateBlock(stable: shortened(stable), candidate: shortened(candidate))
    }
}

/// To two decimals: short to write.
private func short(_ value: Double) -> Double { (value * 100).rounded() / 100 }
