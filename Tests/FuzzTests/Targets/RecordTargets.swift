import Foundation
import ModelManifests
import Rollouts

@testable import Journal
@testable import TrafficProxy

/// Records of decisions, as the journal, a cluster and the proxy keep them.
extension FuzzTarget {
    static let rolloutRecord = FuzzTarget(
        "rollout-record",
        reads: "records of rollouts, of this and of older formats: whoever may write a status may write them",
        of: ["Rollouts", "Analysis"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"format\":2", "\"format\":1", "\"course\"", "\"phase\"", "\"settings\"", "\"judgement\"", "\"evidence\"",
            "\"quarantined\"",
        ], triesInTests: 40
    ) { input in
        let state: RolloutState
        do {
            state = try RolloutRecord.decode(Data(input))
        } catch {
            try demand(!"\(error)".isEmpty, "refused without words")
            return
        }
        let again = try RolloutRecord.decode(try RolloutRecord.encode(state))
        try demand(again == state, "a record that is written again is another one")
    }

    static let keptPages = FuzzTarget(
        "kept-pages",
        reads: "pages on the disk that are written in turn: a write that was cut short leaves one of them torn",
        of: ["Journal", "TrafficProxy"],
        words: [
            "mlctlPR1", "1PRltclm", "1PSltclm", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
            "{\"sequence\":1,\"entries\":[]}",
        ]
    ) { input in
        if let page = RetreatPages.page(in: input) {
            try demand(page.entries.count <= input.count, "\(page.entries.count) entries")
        }
        if let page = SparePages.page(in: input, bytesMax: bytesMax) {
            try demand(page.body.count <= input.count, "\(page.body.count) bytes of \(input.count)")
        }
        // What is written is read back, and is not read once a byte of it is another.
        let written = SparePages.bytes(of: SparePages.Page(sequence: 7, body: input))
        let read = SparePages.page(in: written, bytesMax: bytesMax)
        try demand(read?.body == input && read?.sequence == 7, "a page is not read back")
        guard let place = Cuts.places(in: input, count: 1).first, place < input.count else { return }
        var torn = written
        torn[written.count - input.count + place] ^= 0x40
        try demand(SparePages.page(in: torn, bytesMax: bytesMax) == nil, "a torn page is read")
    }
}
