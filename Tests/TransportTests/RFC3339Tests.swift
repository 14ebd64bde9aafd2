import Foundation
import TestSupport
import Testing

@testable import Transport

@Suite struct RFC3339Tests {
    @Test(
        "times are written in UTC with milliseconds",
        arguments: [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_253_400.25, "2026-11-21T09:30:00.250Z"),
            (1_795_253_400.9996, "2026-11-21T09:30:01.000Z"),
            (-0.001, "1969-12-31T23:59:59.999Z"),
            (-2_203_977_600, "1900-02-28T00:00:00.000Z"),
        ])
    func writes(seconds: Double, text: String) {
        #expect(RFC3339.text(Date(timeIntervalSince1970: seconds)) == text)
    }

    @Test(
        "times are read with and without fractions, in any offset",
        arguments: [
            ("2026-11-21T09:30:00Z", 1_795_253_400.0),
            ("2026-11-21T09:30:00.25Z", 1_795_253_400.25),
            ("2026-11-21t10:30:00.250000000+01:00", 1_795_253_400.25),
            ("2026-11-21 05:00:00-04:30", 1_795_253_400),
        ])
    func reads(text: String, seconds: Double) {
        #expect(RFC3339.date(text)?.timeIntervalSince1970 == seconds)
    }

    @Test(
        "a text that is not a time is refused",
        arguments: [
            "", "2026-11-21", "2026-11-21T09:30:00", "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z",
            "2026-11-21T09:30:00.Z", "2026-11-21T09:30:00Z ", "2026-11-21T09:30:00+1:00",
        ])
    func refuses(text: String) {
        #expect(RFC3339.date(text) == nil)
    }

    @Test("a written time is read back, to the millisecond")
    func roundTrips() throws {
        var random = SeededRandom(seed: 3339)
        for _ in 0..<2000 {
            let ms = Int.random(in: -60_000_000_000_000...250_000_000_000_000, using: &random)
            let text = RFC3339.text(Date(timeIntervalSince1970: Double(ms) / 1000))
            let back = try #require(RFC3339.date(text))
            #expect(Int((back.timeIntervalSince1970 * 1000).rounded()) == ms)
        }
    }
}
