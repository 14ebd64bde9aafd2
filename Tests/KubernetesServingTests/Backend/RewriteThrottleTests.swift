import Testing

@testable import KubernetesServing

@Suite("The pace of corrections")
struct RewriteThrottleTests {
    @Test("is immediate a few times, then at growing intervals, and immediate again after a quiet time")
    func pace() {
        var pace = RewriteThrottle()
        #expect(pace.isDue(.zero) && !pace.isContested(.zero))
        for second in 0..<RewriteThrottle.free {
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

    @Test("a writer that writes every 15 seconds for an hour is corrected about a dozen times")
    func autoscaler() {
        var pace = RewriteThrottle()
        var answers = 0
        for second in stride(from: 0, to: 3600, by: 15) where pace.isDue(.seconds(second)) {
            pace.note(.seconds(second))
            answers += 1
        }
        #expect(answers < 16)
        #expect(pace.isContested(.seconds(3600)))
    }
}
