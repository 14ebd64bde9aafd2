import RealModule

/// How much a look counts. Failures come in clumps: a server fails a whole batch, restarts, or stalls.
///
/// A likelihood ratio to the power 1/c keeps the guarantee however requests depend on each other within groups of c,
/// because for each group it is at most the mean of its requests' ratios. So the weight of a look is 1/c. The clump
/// size of a look is the one that its failures report (`Trials.together`), relative to what chance makes of single
/// failures. It does not depend on which side a failure was on. Looks without failures get the weight of the looks
/// before them. That matters for a pass, which consists of such looks.
///
/// If the source reports no events, failures count as single ones until they spread over its looks more than chance
/// explains.
struct ClumpWeights: Codable, Hashable, Sendable {
    /// After this many failures of a candidate that never answered well, the failures are not one event. The candidate
    /// has not restarted; it is broken.
    static let failuresFromTheStart = 8.0
    /// The most requests in one event.
    static let largestClump = 60.0
    /// The number of failures that are remembered, with exponential forgetting.
    private static let failuresRemembered = 400.0
    /// The assumption before anything is seen: this many single failures.
    private static let priorFailures = 4.0
    private static let priorOfSpread = 30.0
    /// A spread up to this value may be chance.
    private static let spreadOfChance = 1.9

    private var stable = PastRate()
    private var candidate = PastRate()
    private var told = ClumpSize()
    private var spread = ClumpSize()
    private var last: RateBlock?
    private var candidateHasAnswered = false
    private var failuresFromTheStart = 0.0

    /// The mean number of failures in one event, over all looks. Evidence from looks without failures is divided by it.
    var meanClump: Double {
        max(1, told.mean(believing: 0), learntSpread)
    }

    private var learntSpread: Double {
        let mean = spread.mean(believing: Self.priorOfSpread)
        return mean > Self.spreadOfChance ? mean : 1
    }

    /// The exponent of a look's likelihood ratios, 0…1. Later looks learn from this one.
    mutating func weigh(_ block: RateBlock) -> Double {
        let isBrokenFromTheStart = noteFirstAnswers(block.candidate)
        let failures = block.stable.successes + block.candidate.successes
        var now = ClumpSize()
        if let together = block.together, failures > 0 {
            now = ClumpSize(squares: together, failures: failures * expectedByChance(block))
        }
        let usual = max(told.mean(believing: Self.priorFailures), learntSpread)
        learn(block, now)
        return isBrokenFromTheStart ? 1 : 1 / max(1, now.mean(believing: 0), usual)
    }

    /// The mean size of the event that a failure belongs to, if only chance puts failures next to each other: (1 +
    /// p)/(1 − p).
    private func expectedByChance(_ block: RateBlock) -> Double {
        let (ofStable, ofCandidate) = (block.stable.count * stable.rate, block.candidate.count * candidate.rate)
        return (ofStable * stable.meanRun + ofCandidate * candidate.meanRun) / (ofStable + ofCandidate)
    }

    /// Whether the candidate has failed everything so far, and often enough to be sure.
    private mutating func noteFirstAnswers(_ candidate: Trials) -> Bool {
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

    /// Compares two looks of one side. If failures are single and the rate is the same in both looks, the square of the
    /// difference from a split by size has a mean of 1, in units of its variance. Clumps of c give a mean of c.
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

/// Coded as a list of numbers, because a gate's evidence is stored in a record that must stay small.
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

/// The mean size of the event that a failure belongs to: a sum of such sizes divided by the number of failures.
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

/// A side's failure rate if clumps count once: the number of events divided by the good answers, from past looks.
private struct PastRate: Hashable, Sendable {
    private static let memory = 300.0
    private static let largest = 0.9

    var answers = 4.0
    var events = 0.04

    var rate: Double {
        let ratio = events / answers
        return min(ratio < 1 ? ratio / (1 - ratio) : 1, Self.largest)
    }

    /// The expected size of the run that a failure belongs to, if runs are chance and two in a row count as single
    /// failures.
    var meanRun: Double { (1 + rate) / (1 - rate) - 2 * rate * (1 - rate) * (1 - rate) }

    /// Failures in clumps of size c are divided by c to get events. For single failures that are adjacent by chance,
    /// the events are p/(1 + p) of the good answers.
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

/// Two decimals keep the record short.
private func short(_ value: Double) -> Double { (value * 100).rounded() / 100 }
