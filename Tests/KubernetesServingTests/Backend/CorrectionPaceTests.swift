import Testing

@testable import KubernetesServing

@Suite("How often something is put right")
struct CorrectionPaceTests {
    @Test("at once a few times, then more and more seldom, and at once again when nobody was at it for a while")
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
        #expect(!pace.isDue(.seconds(93)) && pace.isDue(.seconds(94)))
        #expect(pace.isContested(.seconds(153)))
        #expect(pace.isDue(.seconds(154)) && !pace.isContested(.seconds(154)))
    }

    @Test("who writes every quarter of a minute for an hour is answered about a dozen times")
    func autoscaler() {
        var pace = CorrectionPace()
        var answers = 0
        for second in stride(from: 0, to: 3600, by: 15) where pace.isDue(.seconds(second)) {
            pace.note(.seconds(second))
            answers += 1
        }
        #expect(answers < 16)
        #expect(pace.isContested(.seconds(3600)))
    }
}
