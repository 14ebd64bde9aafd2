import ModelManifests
import RealModule

/// The evidence of a comparing gate about all slices of the traffic: one e-process.
///
/// # Why the guarantee holds The evidence of each slice is an e-process if the candidate is within tolerance in that
/// slice: it is nonnegative, begins at 1, and has an expectation of at most 1 whenever one stops (see `RateNull`). A
/// mean of such processes, with weights that sum to 1 and do not depend on the outcomes that they weigh, is also an
/// e-process, *however the processes depend on each other*, because the expectation of a sum is the sum of
/// expectations. The same holds for the mean of it and of the whole traffic's evidence. By Ville's inequality, that
/// mean exceeds 1/α at any look with probability at most α if the candidate is within tolerance on the whole and in
/// every slice. (Vovk and Wang 2021, "E-values: calibration, combination and applications": of all ways to combine
/// e-values with arbitrary dependence, the mean is the best. A union bound, which gives each slice a part of α, fails
/// later, because the largest term is at most the sum.)
///
/// # What it costs A slice with the weight w has to show 2/(w α) instead of 1/α. For K slices of equal weight that is
/// ln 2K more evidence, and no test can do with much less: each of K slices may have only α/K of the false alarms.
/// Three choices keep the cost low. The alternatives are those that a slice can show (`AlternativeGrid.slices`). The
/// slices' part is split between the values that occur, not between all that could occur. Slices with few requests get
/// more of it, because they are slow by themselves: weights are proportional to one over the square root of the
/// traffic, as it was before anything was judged.
struct SlicesEvidence: Codable, Hashable, Sendable {
    /// The slices' part of the gate's rate. The rest belongs to the whole traffic.
    static let share = 0.5
    /// The number of requests, over all values and both sides, by which the weights are chosen. They are judged
    /// afterwards.
    static let requestsToWeigh = 400.0
    /// The part that is reserved for values that appear later. Each of them takes a quarter of what is left.
    private static let reserved = 0.05
    /// As a share of the traffic. Smaller values do not get a larger weight.
    private static let smallest = 0.02

    /// The values of one slice definition.
    private struct Group: Codable, Hashable, Sendable {
        /// The most values that are judged.
        var limit: Int
        /// The part that is not yet given to a value: all of it before the weights are chosen.
        var reserve: Double
        var values: [String: SliceEvidence] = [:]
        /// The blocks that wait until the weights are chosen.
        var waiting: [String: RateBlock]? = [:]
    }

    private var groups: [String: Group]
    private let relativeTolerance: Double?
    private let absoluteTolerance: Double?

    init(_ slices: [TrafficSlice], relativeTolerance: Double?, absoluteTolerance: Double?) {
        // Without any tolerance, every increase is beyond it.
        self.relativeTolerance = relativeTolerance ?? (absoluteTolerance == nil ? 0 : nil)
        self.absoluteTolerance = absoluteTolerance
        groups = Dictionary(
            slices.map { ($0.name, Group(limit: $0.valueCount, reserve: 1 / Double(slices.count))) },
            uniquingKeysWith: { first, _ in first })
    }

    /// In order, because sums of real numbers depend on it, and equal evidence must give an equal number.
    private var values: [(label: String, slice: SliceEvidence)] {
        groups.values.flatMap(\.values).map { (label: $0.key, slice: $0.value) }.sorted { $0.label < $1.label }
    }

    /// ln of the evidence of all slices together.
    var logValue: Double {
        var sum = LogSum()
        for (_, group) in groups.sorted(by: { $0.key < $1.key }) where group.reserve > 0 {
            sum.add(.log(group.reserve))
        }
        for (_, slice) in values { sum.add(.log(slice.share) + slice.logValue) }
        return sum.log
    }

    /// The number of values that are judged.
    var count: Int { groups.values.reduce(0) { $0 + $1.values.count } }

    /// - Parameters:
    ///   - blocks: by the slice's label.
    ///   - target: ln of the evidence at which all slices together fail the gate.
    mutating func absorb(_ blocks: [String: RateBlock], target: Double) {
        let byName = Dictionary(grouping: blocks) { String(TrafficSlice.name(ofLabel: $0.key)) }
        for (name, found) in byName {
            guard var group = groups[name] else { continue }
            groups[name] = nil
            absorb(Dictionary(found.map { ($0.key, $0.value) }) { first, _ in first }, into: &group, target)
            groups[name] = group
        }
    }

    private func absorb(_ blocks: [String: RateBlock], into group: inout Group, _ target: Double) {
        var ready = blocks
        if let waiting = group.waiting {
            ready = waiting.merging(blocks) { $0 + $1 }
            guard ready.values.reduce(0, { $0 + $1.count }) >= Self.requestsToWeigh else {
                group.waiting = ready
                return
            }
            group.waiting = nil
            weigh(ready, in: &group)
        } else {
            for label in blocks.keys.filter({ group.values[$0] == nil }).sorted() where group.values.count < group.limit
            {
                let share = group.reserve / 4
                group.reserve -= share
                group.values[label] = slice(share)
            }
        }
        let relative = relativeTolerance.map { RateNull.atMost(RateBoundary(slope: 1 + $0, offset: 0)) }
        let absolute = absoluteTolerance.map { RateNull.atMost(RateBoundary(slope: 1, offset: $0)) }
        for (label, block) in ready {
            guard var slice = group.values[label] else { continue }
            group.values[label] = nil
            slice.absorb(block, relative: relative, absolute: absolute, target: target - .log(slice.share))
            group.values[label] = slice
        }
    }

    /// Uses only the numbers of requests, not their outcomes.
    private func weigh(_ blocks: [String: RateBlock], in group: inout Group) {
        let total = blocks.values.reduce(0) { $0 + $1.count }
        let largest = blocks.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.prefix(group.limit)
        let weights = largest.map {
            (label: $0.key, weight: 1 / max($0.value.count / total, Self.smallest).squareRoot())
        }
        let sum = weights.reduce(0) { $0 + $1.weight }
        let whole = group.reserve
        group.reserve = whole * Self.reserved
        for (label, weight) in weights {
            group.values[label] = slice(whole * (1 - Self.reserved) * weight / sum)
        }
    }

    private func slice(_ share: Double) -> SliceEvidence {
        SliceEvidence(
            share: share, beyondRelative: relativeTolerance != nil, beyondAbsolute: absoluteTolerance != nil)
    }

    /// The part of one value. Nil if it is not judged.
    func share(of label: String) -> Double? { values.first { $0.label == label }?.slice.share }

    /// The slice with the strongest evidence against the candidate, of those with requests on both sides.
    var worst: (label: String, slice: SliceEvidence)? {
        values.filter { $0.slice.totals.compares }.max { $0.slice.logPart < $1.slice.logPart }
    }
}

extension SlicesEvidence {
    /// ln of the evidence above which a slice is mentioned.
    private static let leastToTell = 1.0

    /// For people: which slice is nearest to failing.
    var described: String {
        guard let worst else { return "no slice has had requests on both sides yet" }
        guard worst.slice.logValue > Self.leastToTell else {
            return "none of \(EvidenceText.count(count, "slice")) stands out"
        }
        let (candidate, stable) = (worst.slice.totals.candidate, worst.slice.totals.stable)
        func share(_ trials: Trials) -> String {
            trials.count > 0 ? EvidenceText.percent(trials.successes / trials.count) : "none"
        }
        return "of \(EvidenceText.count(count, "slice")) \(worst.label) is nearest to failing: candidate "
            + "\(share(candidate)) of \(EvidenceText.count(candidate.count)), stable \(share(stable)) of "
            + EvidenceText.count(stable.count)
    }
}

extension SliceEvidence {
    /// ln of its part of the evidence of all slices.
    var logPart: Double { .log(share) + logValue }
}

extension RateBlock {
    fileprivate var count: Double { stable.count + candidate.count }
}
