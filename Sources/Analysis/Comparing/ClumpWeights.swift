import RealModule

/// How much a look counts, for failures come in clumps: a server fails a whole batch, restarts, or stalls.
///
/// A likelihood ratio to the power 1/c keeps the promise however requests depend on each other within groups of c: of
/// each group it is at most the mean of its requests' ratios. So the weight of a look is 1/c, and c is learnt from how
/// failures spread over looks, on both sides together, without a look at which side they fell on.
///
/// # What is held against it
/// - A look with many more failures than the looks before it is one event, whatever its size (up to `largestClump`).
/// - So is what goes on in looks that follow, while a side fails almost everything: a restart that takes some looks.
/// - Failures of usual number that spread more than chance over looks of either side are so much larger clumps.
/// - The first looks count for few events, for nothing is known of how failures come.
/// - A candidate that has not answered one request well yet counts request by request: it has not restarted, it is broken.
///
/// # What is assumed
/// That an event ends within a look, or fails almost everything until it ends, and loses no more than `largestClump`
/// requests or than stable's largest; and that events of both sides do not depend on each other.
struct ClumpWeights: Codable, Hashable, Sendable {
    /// Of requests that one event loses.
    static let largestClump = 60.0
    /// So many requests of a candidate that never answered well are not taken for one event.
    static let failuresFromTheStart = 10.0
    /// Standard deviations over what is usual that are usual, too.
    private static let usualDeviations = 2.5
    /// And for what stable lost in its largest event.
    private static let eventDeviations = 3.0
    /// Of the newest look in the number of events that are usual.
    private static let newestShare = 0.2
    private static let looksRemembered = 7
    /// Before so many, what is usual is told by events alone.
    private static let looksForMedian = 5
    /// What is believed of the spread before anything is seen, worth `priorPairs` pairs of looks.
    private static let priorSpread = 2.0
    private static let priorPairs = 0.5
    /// Pairs of looks that are remembered, with exponential forgetting.
    private static let pairsRemembered = 60.0
    /// Of one pair, lest one jump of the base rate is all that is remembered.
    private static let largestSpread = 30.0
    /// A spread that is no more than this is chance.
    private static let spreadOfChance = 1.4
    /// Of stable's largest event, from look to look.
    private static let eventRetention = 0.98
    private static let saturation = 0.9

    private var looks = 0
    /// Mean events and requests of a look, with exponential forgetting.
    private var events = 0.0
    private var requests = 0.0
    /// Failures per request of the last looks: of both sides, and of stable.
    private var rates: [Double] = []
    private var stableRates: [Double] = []
    private var spreadSum = 0.0
    private var spreadPairs = 0.0
    /// Stable's, in requests.
    private var largestEvent = 1.0
    private var last: RateBlock?
    private var candidateHasAnswered = false
    private var failuresFromTheStart = 0.0

    /// What follows takes failures for single ones until it is shown otherwise, for the source counts by moments.
    var countsMoments = false

    init() {}

    /// Failures that are taken for one event in a look with a usual number of them.
    var clumpSize: Double {
        let prior = countsMoments ? 1 : Self.priorSpread
        let spread = (prior * Self.priorPairs + spreadSum) / (Self.priorPairs + spreadPairs)
        return max(largestEvent, spread < Self.spreadOfChance ? 1 : spread)
    }

    /// The weight of a look, 0…1; later looks learn from it.
    mutating func weigh(_ block: RateBlock) -> Double {
        let all = block.stable + block.candidate
        let counted = events(in: block, all)
        let isBrokenFromTheStart = lookAtFirstAnswers(block.candidate)
        learn(block, all, usual: all.successes <= usualLimit(all.count))
        guard all.successes > 0, !isBrokenFromTheStart else { return 1 }
        return min(1, counted / all.successes)
    }

    /// Of failures that are no more than those that looks of this size have.
    private func usualLimit(_ count: Double) -> Double {
        let ofEvents = requests > 0 ? events / requests : 0
        let ofLooks = rates.count >= Self.looksForMedian ? Self.median(rates) : 0
        let mean = max(ofEvents, ofLooks) * count
        return 1 + mean + Self.usualDeviations * mean.squareRoot()
    }

    private func events(in block: RateBlock, _ all: Trials) -> Double {
        let (failures, most) = (all.successes, all.successes / Self.largestClump)
        let isUsual = failures <= usualLimit(all.count)
        var counted = isUsual ? max(min(failures, 1), failures / clumpSize) : max(1, most)
        for side in [\RateBlock.stable, \RateBlock.candidate] {
            let before = last?[keyPath: side] ?? .none
            let goesOn = Self.isSaturated(block[keyPath: side]) && before.successes > 0
            if goesOn || Self.isSaturated(before) { counted = min(counted, most) }
        }
        return countsMoments ? counted : min(counted, max(Double(looks + 1), most))
    }

    private static func isSaturated(_ trials: Trials) -> Bool {
        trials.count >= 3 && trials.successes >= saturation * trials.count
    }

    /// True where the candidate has failed all there was, and that is enough to see.
    private mutating func lookAtFirstAnswers(_ candidate: Trials) -> Bool {
        guard !candidateHasAnswered else { return false }
        failuresFromTheStart += candidate.successes
        candidateHasAnswered = candidate.successes < candidate.count * 0.999
        return !candidateHasAnswered && failuresFromTheStart >= Self.failuresFromTheStart
    }

    private mutating func learn(_ block: RateBlock, _ all: Trials, usual: Bool) {
        looks = min(looks + 1, 1_000)
        learnSpread(block)
        if stableRates.count >= 3 {
            let usual = max(1, Self.median(stableRates) * block.stable.count)
            let event = block.stable.successes - usual - Self.eventDeviations * usual.squareRoot()
            largestEvent = min(max(largestEvent * Self.eventRetention, event, 1), Self.largestClump)
        }
        last = block
        events += Self.newestShare * ((usual ? all.successes : 1) - events)
        requests += Self.newestShare * (all.count - requests)
        Self.remember(all.successes / all.count, in: &rates)
        if block.stable.count > 0 { Self.remember(block.stable.successes / block.stable.count, in: &stableRates) }
    }

    /// Two looks of a side share their failures by their sizes: what chance makes of single ones has a mean square of 1, in
    /// units of its variance, and clumps of c have c. Whatever the rate is, as long as both have the same.
    private mutating func learnSpread(_ block: RateBlock) {
        guard let last else { return }
        for side in [\RateBlock.stable, \RateBlock.candidate] {
            let (before, now) = (last[keyPath: side], block[keyPath: side])
            let failures = before.successes + now.successes
            guard failures >= 2, before.count > 0, now.count > 0 else { continue }
            let share = now.count / (before.count + now.count)
            let off = now.successes - failures * share
            spreadSum += min(off * off / (failures * share * (1 - share)), Self.largestSpread)
            spreadPairs += 1
        }
        guard spreadPairs > Self.pairsRemembered else { return }
        spreadSum *= Self.pairsRemembered / spreadPairs
        spreadPairs = Self.pairsRemembered
    }

    private static func remember(_ rate: Double, in rates: inout [Double]) {
        // Seven decimals are enough to know what is usual, and short to write.
        rates.append((rate * 1e7).rounded() / 1e7)
        if rates.count > looksRemembered { rates.removeFirst() }
    }

    /// The lower one of two.
    private static func median(_ rates: [Double]) -> Double { rates.sorted()[(rates.count - 1) / 2] }
}
