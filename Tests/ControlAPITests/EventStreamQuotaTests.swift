import Testing

@testable import ControlAPI

@Suite("Seats for event streams") struct EventSeatsTests {
    @Test("seats are limited per caller and in total, and a seat that is left is free again")
    func seats() {
        var seats = EventStreamQuota(ofCaller: 2, ofAll: 3)
        var refusals: [String?] = []
        for caller in ["a", "a", "a", "b", "b"] { refusals.append(seats.take(caller)) }
        #expect(refusals[0] == nil && refusals[1] == nil && refusals[3] == nil)
        #expect(refusals[2]?.contains("'a'") == true && refusals[4]?.hasPrefix("there are already 3") == true)
        seats.leave("a")
        seats.leave("nobody")
        let taken = seats.take("b")
        #expect(taken == nil)
        for caller in ["a", "b", "b"] { seats.leave(caller) }
        #expect(seats == EventStreamQuota(ofCaller: 2, ofAll: 3))
    }
}
