import Testing

@testable import KubernetesServing

@Suite("How often something is put right")
struct CorrectionPaceTests {
    @Test("at once a few times, then each half minute, and at once again when nobody was at it for a minute")
    func pace() {
        var pace = CorrectionPace()
        #expect(pace.isDue(.zero) && !pace.isContested(.zero))
        for second in 0..<CorrectionPace.free {
            #expect(pace.isDue(.seconds(second)))
            pace.note(.seconds(second))
            #expect(pace.isContested(.seconds(second)) == (second > 0))
        }
        #expect(!pace.isDue(.seconds(5)))
        #expect(!pace.isDue(.seconds(33)))
        #expect(pace.isDue(.seconds(34)))
        pace.note(.seconds(34))
        #expect(!pace.isDue(.seconds(35)))
        #expect(pace.isContested(.seconds(63)))
        #expect(pace.isDue(.seconds(120)) && !pace.isContested(.seconds(120)))
    }
}
