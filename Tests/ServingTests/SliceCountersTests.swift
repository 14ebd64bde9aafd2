import Foundation
import ModelManifests
import Serving
import Testing

@Suite struct SliceCountersTests {
    @Test func `counters are a list of numbers, and readings without any say nothing of slices`() throws {
        let counters = SliceCounters(
            requests: 7, errors: 2, rejected: 1, errorsTogether: 4,
            buckets: [
                .init(index: 3, answered: 6, abandoned: 0, together: 7),
                .init(index: 9, answered: 1, abandoned: 2, together: 3),
            ])
        let text = try JSONEncoder().encode(["a=x": counters])
        #expect(String(decoding: text, as: UTF8.self) == #"{"a=x":[7,2,1,4,3,6,0,7,9,1,2,3]}"#)
        #expect(try JSONDecoder().decode([String: SliceCounters].self, from: text) == ["a=x": counters])
        let missed = SliceCounters(
            requests: 1, unavailable: 5, buckets: [.init(index: 3, answered: 1, abandoned: 0, together: 1)])
        let written = try JSONEncoder().encode([missed, SliceCounters(unavailable: 2)])
        #expect(String(decoding: written, as: UTF8.self) == "[[1,0,0,0,3,1,0,1,5],[0,0,0,0,2]]")
        #expect(
            try JSONDecoder().decode([SliceCounters].self, from: written) == [missed, SliceCounters(unavailable: 2)])
        let none = try JSONEncoder().encode(RequestCounters(requests: 1))
        #expect(!String(decoding: none, as: UTF8.self).contains("slices"))
        #expect(try JSONDecoder().decode(RequestCounters.self, from: none).slices == nil)
    }

    @Test func `routes of an older controller have no slices, and those without any are written as before`() throws {
        let route = ProxyRoute(deployment: DeploymentKey(name: "d"), port: 1)
        let text = try JSONEncoder().encode(route)
        #expect(!String(decoding: text, as: UTF8.self).contains("slices"))
        #expect(try JSONDecoder().decode(ProxyRoute.self, from: text) == route)
    }
}
