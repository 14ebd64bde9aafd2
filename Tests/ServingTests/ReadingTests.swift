import Foundation
import ModelManifests
import Serving
import Testing

@Suite("Readings and reports")
struct ReadingTests {
    @Test("the latency bounds ascend from half a millisecond to a hundred seconds, as exact decimals")
    func bounds() {
        let bounds = LatencyBounds.seconds
        #expect(bounds.first == 0.0005)
        #expect(bounds.last == 100)
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
        #expect(bounds.contains(0.16) && bounds.contains(0.25) && bounds.contains(0.315))
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $1 / $0 < 1.3 })
    }

    @Test("a report reads back as it was written")
    func coding() throws {
        let key = DeploymentKey(namespace: "payments", name: "fraud-scorer")
        let report = ProxyReport(
            epoch: "e1", generation: 3,
            endpoints: [EndpointReport(deployment: key, port: 9000, listening: false, error: "in use")],
            instances: [
                InstanceReport(
                    deployment: key, revision: Revision(rawValue: "0123456789"), instance: "i",
                    counters: RequestCounters(requests: 2, errors: 1, latency: [1, 2], bounds: [0.1, 1]),
                    failedRequestIds: ["r"])
            ])
        let read = try JSONDecoder().decode(ProxyReport.self, from: JSONEncoder().encode(report))
        #expect(read == report)
    }

    @Test("failed requests of a revision's instances are ordered by the seconds in their ids")
    func failedRequests() throws {
        let revision = Revision(rawValue: "0123456789")
        let key = RequestIdentityKey(low: 1, high: 2)
        func ids(_ revision: Revision, _ seconds: [UInt32]) -> [String] {
            seconds.enumerated().map { index, second in
                RequestIdentity(revision: revision, atSeconds: second, random: UInt32(9 - index))
                    .text(of: DeploymentKey(name: "d"), key: key)
            }
        }
        let other = Revision(rawValue: "9876543210")
        let first = ids(revision, [10, 20, 20])
        let second = ids(revision, [15, 30])
        let readings = [(revision, first), (other, ids(other, [40])), (revision, second)].map { revision, ids in
            Reading(
                instance: "i", revision: revision, epoch: "e", counters: RequestCounters(), failedRequestIds: ids)
        }
        #expect(
            readings.failedRequestIds(of: revision, limit: 9) == [first[0], second[0], first[1], first[2], second[1]])
        #expect(readings.failedRequestIds(of: revision, limit: 2) == [first[2], second[1]])
    }

    @Test("the report of a proxy without previews is read as one with none")
    func olderReport() throws {
        let text = #"""
            {"epoch": "e", "generation": 1, "instances": [],
             "endpoints": [{"deployment": {"namespace": "n", "name": "d"}, "port": 1, "listening": true}]}
            """#
        let read = try JSONDecoder().decode(ProxyReport.self, from: Data(text.utf8))
        #expect(read.previews.isEmpty)
        #expect(
            read.endpoints == [
                EndpointReport(deployment: DeploymentKey(namespace: "n", name: "d"), port: 1, listening: true)
            ])
    }
}
