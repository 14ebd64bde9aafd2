import SafeText
import Serving

/// Metrics of observed values, and of shadow comparisons.
extension TrafficSnapshot {
    struct Observed: Hashable, Sendable {
        var name: String
        var counts: ObservedTally.Counts

        init(_ tally: ObservedTally) {
            name = tally.observation.name
            counts = tally.counts
        }
    }

    func observedText(_ instances: [Instance]) -> String {
        let all = instances.flatMap { instance in
            instance.observed.map {
                (labels: instance.labels + ",observation=\"\(Escape.expositionLabel($0.name))\"", counts: $0.counts)
            }
        }
        return Self.family(
            "mlctl_proxy_observed_total", "counter", "Observed values, by bucket.",
            all.flatMap { observed in
                observed.counts.buckets.enumerated().map {
                    (observed.labels + ",bucket=\"\($0.offset)\"", $0.element)
                }
            })
            + Self.family(
                "mlctl_proxy_not_observed_total", "counter",
                "Bodies selected for observation in which no value was found.",
                all.flatMap { Self.samples($0.counts.unseen, labels: $0.labels) })
    }

    func shadowText(_ instances: [Instance]) -> String {
        let all = instances.compactMap { instance in instance.pairs.map { (labels: instance.labels, counts: $0) } }
        return Self.family(
            "mlctl_proxy_shadow_pairs_total", "counter", "Shadow answers that were compared with the users' answers.",
            all.map { ($0.labels, $0.counts.pairs.pairs) })
            + Self.family(
                "mlctl_proxy_shadow_disagreements_total", "counter", "Compared pairs whose answers differ.",
                all.map { ($0.labels, $0.counts.pairs.disagreements) })
            + Self.family(
                "mlctl_proxy_shadow_distance_total", "counter",
                "Sum of the distances of all compared pairs, each from 0 to 1.",
                all.map { ($0.labels, $0.counts.pairs.distance) })
            + Self.family(
                "mlctl_proxy_shadow_dropped_total", "counter",
                "Requests that were not copied because a limit was reached.",
                all.map { ($0.labels, $0.counts.pairs.dropped) })
            + Self.family(
                "mlctl_proxy_shadow_not_compared_total", "counter", "Pairs that could not be compared.",
                all.flatMap { Self.samples($0.counts.unseen, labels: $0.labels) })
    }

    private static func samples(_ unseen: [MissingValueReason: Int], labels: String) -> [(labels: String, value: Int)] {
        unseen.sorted { $0.key.rawValue < $1.key.rawValue }.map { why, count in
            (labels + ",reason=\"\(why.rawValue)\"", count)
        }
    }
}
