import Analysis
import ModelManifests
import Serving

/// Keeps the failures of one bad instance from being taken for the model's.
///
/// What an instance added waits here for up to `patience` looks while it fails and its siblings of the same revision do
/// not. If the data plane takes the instance out meanwhile, that was its own fault and is left out; if the siblings fail
/// too, or nothing more comes of it, it counts, and nothing was lost but a second or two. Both sides are treated alike.
struct BadInstances: Codable, Equatable, Sendable {
    /// What one instance added in one look.
    struct Addition {
        var instance: String
        var revision: Revision
        var counts: SideCounts
        /// The data plane has it out of rotation, because it serves much worse than its siblings.
        var isOutlier: Bool
    }

    private struct Held: Codable, Equatable {
        var revision: Revision
        var counts: SideCounts
        var looks: Int
    }

    /// At two looks a second, longer than the data plane takes to see it.
    static let patience = 4

    private var held: [String: Held] = [:]
    /// Requests that were left out, for people.
    private(set) var leftOut: [Revision: Int] = [:]

    var isEmpty: Bool { held.isEmpty && leftOut.isEmpty }

    /// - Returns: what counts now, of each revision.
    mutating func sift(_ additions: [Addition]) -> [Revision: SideCounts] {
        var sides: [Revision: SideCounts] = [:]
        // It is gone: its siblings alone will never tell.
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

    /// There are siblings, and what is known of them of late is not bad. Those that did nothing say nothing against it.
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
