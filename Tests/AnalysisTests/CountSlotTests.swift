import Foundation
import Testing

@testable import Analysis

@Suite struct CountSlotTests {
    static func slot(_ latency: [Int]) -> CountSlot {
        var slot = CountSlot(fromSeconds: 1.5, toSeconds: 2)
        let counts = SideCounts(
            requests: latency.last ?? 0, errors: 3, rejected: 4, latency: latency,
            bounds: (1..<max(2, latency.count)).map(Double.init))
        slot.absorb(counts, until: 7, keepsLatency: true)
        return slot
    }

    @Test(
        "a slot reads back as it was written, whatever the counts",
        arguments: [
            [0, 0, 0], [0, 0, 5], [7, 7, 7], [0, 127, 255, 383], [1, 16_384, 5_000_000_000, 5_000_000_001],
            Array(repeating: 0, count: 300) + [9, 10],
        ])
    func roundTrip(_ latency: [Int]) throws {
        let slot = Self.slot(latency)
        #expect(slot.toSeconds == 7)
        #expect(slot.latency.counts.reduce(0, +) == latency.last)
        let read = try JSONDecoder().decode(CountSlot.self, from: JSONEncoder().encode(slot))
        #expect(read == slot)
    }

    @Test("a row is short: no names, and one or two bytes for each bucket")
    func short() throws {
        let text = String(decoding: try JSONEncoder().encode(Self.slot([0, 0, 5, 9, 9])), as: UTF8.self)
        #expect(text == #"[1.5,7,9,3,4,"AgUE"]"#)
    }

    @Test(
        "a text that is not counts is an error",
        arguments: ["AgU", "not base64!", "AIA=", "////////////////", "//////8/AQ=="])
    func corrupt(_ text: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(BucketCounts.self, from: Data("\"\(text)\"".utf8))
        }
    }
}
