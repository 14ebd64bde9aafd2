import Analysis
import ModelManifests
import Serving

/// Prevents the failures of one bad instance from counting against the model.
///
/// If an instance fails while its siblings of the same revision do not, its new counts wait here for up to `patience`
/// looks. If the data plane ejects the instance in the meantime, the fault is the instance's own, and the counts are
/// left out. If the siblings fail too, or the looks run out, the counts are added, a second or two late. Both revisions
/// are treated alike.
struct BadInstanceFilter: Codable, Equatable, Sendable {
    /// What one instance counted between two looks.
    struct Addition {
        var instance: String
        var revision: Revision
        var counts: SideCounts
        /// Whether the data plane has ejected it because it serves much worse than its siblings.
        var isOutlier: Bool
    }

    private struct Held: Codable, Equatable {
        var revision: Revision
        var counts: SideCounts
        var looks: Int
    }

    /// At two looks a second, this is longer than the data plane needs to detect a bad instance.
    static let patience = 4

    private var held: [String: Held] = [:]
    /// The number of requests that were left out, for display.
    private(set) var leftOut: [Revision: Int] = [:]

    var isEmpty: Bool { held.isEmpty && leftOut.isEmpty }

    /// - Returns: the counts to add now, for each revision.
    mutating func settledCounts(_ additions: [Addition]) -> [Revision: SideCounts] {
        var sides: [Revision: SideCounts] = [:]
        // The instance is gone, so waiting longer would tell nothing.
        for (instance, gone) in held where !additions.contains(where: { $0.instance == instance }) {
            held[instance] = nil
            sides[gone.revision, default: SideCounts()].add(gone.counts)
        }
        for addition in additions {
            let instance = addition.instance
            if addition.isOutlier {
                let waiting = held.removeValue(forKey: instance)?.counts ?? SideCounts()
                let requests = waiting.requests + addition.counts.requests
                if requests > 0 { leftOut[addition.revision, default: 0] += requests }
                continue
            }
            var counts = addition.counts
            var looks = 0
            if let waiting = held[instance] {
                counts = waiting.counts + counts
                looks = waiting.looks
            }
            if looks < Self.patience, Self.isMostlyFailing(counts), siblingsServe(addition, among: additions) {
                held[instance] = Held(revision: addition.revision, counts: counts, looks: looks + 1)
            } else {
                held[instance] = nil
                sides[addition.revision, default: SideCounts()].add(counts)
            }
        }
        return sides
    }

    private static func isMostlyFailing(_ counts: SideCounts) -> Bool { counts.errors * 2 > counts.requests }

    /// Whether there are siblings and their recent counts are good. Siblings without requests do not count as bad.
    private func siblingsServe(_ own: Addition, among additions: [Addition]) -> Bool {
        let siblings = additions.filter {
            $0.revision == own.revision && $0.instance != own.instance && !$0.isOutlier
                && !$0.instance.hasPrefix(Reading.unserved(own.revision))
        }
        guard !siblings.isEmpty else { return false }
        let lately = siblings.reduce(into: SideCounts()) { sum, sibling in
            sum.add(sibling.counts)
            if let waiting = held[sibling.instance] { sum.add(waiting.counts) }
        }
        return lately.errors * 4 <= lately.requests
    }
}
