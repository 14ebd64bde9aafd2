import Foundation
import Testing

@testable import Commands

@Suite("The doctor's findings on clocks") struct ClockFindingsTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func own(
        _ kernel: ClockFindings.Kernel, timesync: Bool = false, file: String? = nil, ahead: Double = 0
    ) -> [Finding.Severity] {
        ClockFindings.own(
            .init(kernel: kernel, timesyncSaysSo: timesync, newestFile: file, newestFileAheadSeconds: ahead)
        ).map(\.severity)
    }

    @Test("synchronized, by timesyncd, not synchronized, unknown, set back")
    func kernel() {
        #expect(own(.said(isSynchronised: true, greatestErrorSeconds: 0)) == [.ok])
        #expect(own(.said(isSynchronised: false, greatestErrorSeconds: 16)) == [.warning])
        #expect(own(.said(isSynchronised: false, greatestErrorSeconds: 16), timesync: true) == [.ok])
        #expect(own(.silent(reason: "not permitted")) == [.notLookedAt])
        let right = ClockFindings.Kernel.said(isSynchronised: true, greatestErrorSeconds: 0)
        #expect(own(right, file: "/s/journal.sqlite", ahead: 6) == [.problem])
        #expect(own(right, file: "/s/journal.sqlite", ahead: 5) == [.ok])
        #expect(own(right, file: "/s/journal.sqlite", ahead: -100) == [.ok])
    }

    private func skew(_ seconds: Double, took: Double = 0) -> Finding.Severity {
        ClockFindings.skew(
            .init(
                whose: "x", theirs: Self.now + seconds, asked: Self.now, answered: Self.now + took)
        ).severity
    }

    @Test("a skew above five seconds is a warning, above a minute a problem, in both directions")
    func skew() {
        #expect(skew(5) == .ok && skew(5.5) == .warning && skew(61) == .problem)
        // A Date field has whole seconds, so a clock may seem up to one second behind.
        #expect(skew(-6) == .ok && skew(-6.5) == .warning && skew(-62) == .problem)
    }

    @Test("a slow answer does not count as skew")
    func slow() {
        #expect(skew(8, took: 8) == .ok && skew(0, took: 8) == .ok)
        #expect(skew(14, took: 8) == .warning)
    }

    @Test("a Date field is parsed, and other text is refused")
    func date() {
        #expect(ClockFindings.date("Sun, 06 Nov 1994 08:49:37 GMT") == Date(timeIntervalSince1970: 784_111_777))
        #expect(ClockFindings.date("yesterday") == nil)
    }
}
