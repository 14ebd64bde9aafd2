import RealModule
import Testing

@testable import Analysis

@Suite("Numbers in reasons")
struct EvidenceTextTests {
    @Test("one of a thing is no plural")
    func nouns() {
        #expect(
            [0, 1, 2, 2000].map { EvidenceText.count($0, "sample") } == [
                "0 samples", "1 sample", "2 samples", "2,000 samples",
            ])
    }

    @Test("what nothing speaks against is not excluded; the rest is, at its odds")
    func conclusions() {
        func text(_ odds: Double) -> String { EvidenceText.conclusion("a shift", .log(odds)) }
        #expect(text(0.1) == "a shift is not excluded")
        #expect(text(1) == "a shift is not excluded")
        #expect(text(1.5) == "a shift is excluded at 1 in 1.5")
        #expect(text(400) == "a shift is excluded at 1 in 400")
    }
}
