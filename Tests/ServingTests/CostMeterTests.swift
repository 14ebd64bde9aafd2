import ModelManifests
import Serving
import Testing

@Suite("A cost meter")
struct CostMeterTests {
    private let revision = Revision(rawValue: "aaaaaaaaaa")

    private func cost(
        _ cpu: Double, bytes: Int = 1000, server: String = "1", isReady: Bool = true, instance: String = "i-0"
    ) -> ProcessCost {
        ProcessCost(
            instance: instance, revision: revision, server: server, isReady: isReady, cpuSeconds: cpu,
            memoryBytes: bytes)
    }

    private func reading(_ counters: RequestCounters, epoch: String = "e", instance: String = "i-0") -> Reading {
        Reading(instance: instance, revision: revision, epoch: epoch, counters: counters)
    }

    private func requests(_ count: Int, epoch: String = "e") -> Reading {
        reading(RequestCounters(requests: count), epoch: epoch)
    }

    /// A meter whose instance has settled: at 20 s, with 5 CPU seconds and 100 requests.
    private func settled() -> CostMeter {
        var meter = CostMeter(epoch: "m")
        _ = meter.look(atSeconds: 0, [cost(1)], [requests(0)])
        _ = meter.look(atSeconds: 5, [cost(4)], [requests(50)])
        _ = meter.look(atSeconds: 20, [cost(5)], [requests(100)])
        return meter
    }

    private func named(_ meter: inout CostMeter, _ seconds: Double, _ cost: ProcessCost, _ reading: Reading)
        -> [String: Double]
    {
        meter.look(atSeconds: seconds, [cost], [reading]).first?.counters.named ?? [:]
    }

    @Test("the costs of the first requests are not counted; after settling, costs and requests cover the same time")
    func settling() {
        var meter = settled()
        let found = named(&meter, 30, cost(6, bytes: 3000), requests(160))
        #expect(found[CostCounter.cpuSeconds] == 1)
        #expect(found[CostCounter.instanceSeconds] == 10)
        #expect(found[CostCounter.requests] == 60)
        #expect(found[CostCounter.memoryByteSeconds] == 20_000)
    }

    @Test("a restarted server settles again, and its earlier counts stay")
    func restart() {
        var meter = settled()
        _ = named(&meter, 30, cost(6), requests(160))
        let restarted = named(&meter, 40, cost(3, server: "2"), requests(200))
        #expect(restarted[CostCounter.cpuSeconds] == 1 && restarted[CostCounter.requests] == 60)
        _ = named(&meter, 45, cost(9, server: "2"), requests(240))
        _ = named(&meter, 56, cost(10, server: "2"), requests(300))
        let later = named(&meter, 66, cost(11, server: "2"), requests(350))
        #expect(later[CostCounter.cpuSeconds] == 2 && later[CostCounter.requests] == 110)
        #expect(later[CostCounter.instanceSeconds] == 20)
    }

    @Test("an interval with a gap counts nothing: the instance not ready, another proxy, or CPU time that fell")
    func gaps() {
        var meter = settled()
        #expect(named(&meter, 30, cost(8, isReady: false), requests(160))[CostCounter.cpuSeconds] == 0)
        #expect(named(&meter, 40, cost(9), requests(200))[CostCounter.cpuSeconds] == 0)
        #expect(named(&meter, 50, cost(10), requests(10, epoch: "f"))[CostCounter.requests] == 0)
        #expect(named(&meter, 60, cost(9.5), requests(20, epoch: "f"))[CostCounter.requests] == 0)
        #expect(named(&meter, 70, cost(10), requests(30, epoch: "f"))[CostCounter.requests] == 10)
        #expect(named(&meter, 80, cost(12), requests(45, epoch: "f"))[CostCounter.cpuSeconds] == 2.5)
    }

    @Test("every request to the instance counts: recorded requests, those of returning users, and those given up")
    func allRequests() {
        var meter = CostMeter(epoch: "m")
        func counters(_ count: Int) -> RequestCounters {
            RequestCounters(
                requests: count / 10, every: TrafficCounters(requests: count, abandoned: [count / 2, 0]),
                synthetic: SyntheticCounters(requests: count))
        }
        for seconds in [0.0, 20] { _ = meter.look(atSeconds: seconds, [cost(seconds)], [reading(counters(100))]) }
        let found = named(&meter, 30, cost(30), reading(counters(200)))
        #expect(found[CostCounter.requests] == 250)
    }

    @Test("people see all CPU time and the current memory from the first look on; an instance that is gone is dropped")
    func forPeople() {
        var meter = CostMeter(epoch: "m")
        _ = meter.look(atSeconds: 0, [cost(1), cost(5, instance: "i-1")], [])
        let readings = meter.look(atSeconds: 1, [cost(3, bytes: 7)], [])
        #expect(readings.map(\.instance) == ["cost-i-0"])
        #expect(readings.first?.cost == InstanceCost(cpuSeconds: 2, memoryBytes: 7))
        #expect(readings.first?.epoch == "m")
    }
}
