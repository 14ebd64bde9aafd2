import Foundation
import ModelManifests
import Rollouts

@testable import Journal
@testable import TrafficProxy

/// Records of decisions, as the journal, a cluster and the proxy store them.
extension FuzzTarget {
    static let rolloutRecord = FuzzTarget(
        "rollout-record",
        reads: "records of rollouts, in this and older formats, from anyone who may write a status",
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
            try demand(!"\(error)".isEmpty, "refused without a message")
            return
        }
        let again = try RolloutRecord.decode(try RolloutRecord.encode(state))
        try demand(again == state, "the record changed when it was written again")
    }

    static let keptPages = FuzzTarget(
        "kept-pages",
        reads: "pages on disk that are written in turn: an interrupted write leaves one incomplete",
        of: ["Journal", "TrafficProxy"],
        words: [
            "mlctlPR1", "1PRltclm", "1PSltclm", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
            "{\"sequence\":1,\"entries\":[]}",
        ]
    ) { input in
        if let page = WithdrawalPages.page(in: input) {
            try demand(page.entries.count <= input.count, "\(page.entries.count) entries")
        }
        if let page = SparePages.page(in: input, bytesMax: bytesMax) {
            try demand(page.body.count <= input.count, "\(page.body.count) bytes of \(input.count)")
        }
        // Written bytes are read back, and are not accepted once one byte differs.
        let written = SparePages.bytes(of: SparePages.Page(sequence: 7, body: input))
        let read = SparePages.page(in: written, bytesMax: bytesMax)
        try demand(read?.body == input && read?.sequence == 7, "a page is not read back")
        guard let place = Cuts.places(in: input, count: 1).first, place < input.count else { return }
        var torn = written
        torn[written.count - input.count + place] ^= 0x40
        try demand(SparePages.page(in: torn, bytesMax: bytesMax) == nil, "an incomplete page is read")
    }
}
