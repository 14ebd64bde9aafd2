import ControlPorts
import Rollouts
import Testing

@testable import Controller

@Suite("When a changed state is written")
struct RecordPaceTests {
    @Test(
        "a decision is written at once, evidence at most every five seconds, and a state without news never")
    func due() {
        func isDue(_ news: WriteUrgency, _ seconds: Double, inFlight: Int = 1) -> Bool {
            RecordWriteSchedule.isDue(
                news, since: .seconds(seconds), progressDeadline: .seconds(1800), inFlight: inFlight)
        }
        #expect(isDue(.decision, 0))
        #expect(!isDue(.evidence, 4.9) && isDue(.evidence, 5))
        #expect(!isDue(.clock, 80) && isDue(.clock, 90))
        #expect(!isDue(.nothing, 1_000_000))
        // A thousand rollouts that all learn write 25 records a second together.
        #expect(!isDue(.evidence, 39, inFlight: 1000) && isDue(.evidence, 40, inFlight: 1000))
    }
}
