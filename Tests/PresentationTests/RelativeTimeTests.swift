import Foundation
import Testing

@testable import Presentation

@Suite struct RelativeTimeTests {
    @Test(
        "times are relative and readable",
        arguments: [
            (0.0, "now"), (0.9, "now"), (-0.9, "now"), (1, "1s ago"), (59.9, "59s ago"), (60, "1m ago"),
            (3599, "59m ago"), (3600, "1h ago"), (172_799, "47h ago"), (172_800, "2d ago"), (-90, "in 1m"),
            (-1_000_000, "in 11d"),
        ])
    func says(seconds: Double, text: String) {
        let now = Date(timeIntervalSince1970: 1_795_253_400)
        #expect(RelativeTime.text(now.addingTimeInterval(-seconds), now: now) == text)
    }

    @Test("lines of a log carry the absolute time")
    func clock() {
        #expect(RelativeTime.clock(Date(timeIntervalSince1970: 1_795_253_400.25)) == "2026-11-21T09:30:00Z")
    }
}
