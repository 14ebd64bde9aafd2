import RealModule
import Testing

@testable import Analysis

@Suite("Numbers in reasons")
struct EvidenceTextTests {
    @Test("one of a thing has no plural")
    func nouns() {
        #expect(
            [0, 1, 2, 2000].map { EvidenceText.count($0, "sample") } == [
                "0 samples", "1 sample", "2 samples", "2,000 samples",
            ])
    }

    @Test("a conclusion gives the odds against something, or says that there is no evidence")
    func conclusions() {
        func text(_ odds: Double) -> String { EvidenceText.conclusion("a shift", .log(odds)) }
        #expect(text(0.1) == "no evidence against a shift")
        #expect(text(1) == "no evidence against a shift")
        #expect(text(1.5) == "1.5 to 1 against a shift")
        #expect(text(400) == "400 to 1 against a shift")
    }
}
