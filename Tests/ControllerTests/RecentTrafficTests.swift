import Foundation
import ModelManifests
import Serving
import Testing

@testable import Controller

@Suite("Traffic of the last minutes")
struct RecentTrafficTests {
    private let revision = Revision(rawValue: "aaaaaaaaaa")
    private func at(_ seconds: Double) -> Date { Date(timeIntervalSinceReferenceDate: seconds) }

    private func reading(_ requests: Int, errors: Int = 0, instance: String = "a-1", epoch: String = "1") -> Reading {
        Reading(
            instance: instance, revision: revision, epoch: epoch,
            counters: RequestCounters(requests: requests, errors: errors, latency: [requests], bounds: [1]))
    }

    @Test("is what the counters gained between the readings")
    func rate() {
        var traffic = RecentTraffic()
        #expect(traffic.rate == nil)
        traffic.note([reading(1000)], at: at(0))
        #expect(traffic.rate == nil)
        traffic.note([reading(1120, errors: 12)], at: at(10))
        #expect(traffic.rate?.requests == 120 && traffic.rate?.errors == 12 && traffic.rate?.seconds == 10)
        #expect(traffic.rate?.perSecond == 12)
    }

    @Test("a restart, a lost instance and a new one add nothing that was not seen")
    func resets() {
        var traffic = RecentTraffic()
        traffic.note([reading(1000), reading(500, instance: "b-1")], at: at(0))
        traffic.note([reading(40, epoch: "2")], at: at(10))
        #expect(traffic.rate?.requests == 0)
        traffic.note([reading(90, epoch: "2"), reading(70, instance: "c-1")], at: at(20))
        traffic.note([reading(80, epoch: "2"), reading(80, instance: "c-1")], at: at(30))
        #expect(traffic.rate?.requests == 60)
    }

    @Test("is forgotten after five minutes, and keeps few marks")
    func window() {
        var traffic = RecentTraffic()
        for second in stride(from: 0, through: 3600, by: 5) {
            traffic.note([reading(second * 2)], at: at(Double(second)))
        }
        let rate = traffic.rate
        #expect((rate?.seconds ?? 0) <= RecentTraffic.windowSeconds)
        #expect((rate?.seconds ?? 0) >= RecentTraffic.windowSeconds - RecentTraffic.spacingSeconds)
        #expect(abs((rate?.perSecond ?? 0) - 2) < 0.01)
        // After a silence the count begins again.
        traffic.note([reading(100_000)], at: at(10_000))
        #expect(traffic.rate == nil)
    }
}
