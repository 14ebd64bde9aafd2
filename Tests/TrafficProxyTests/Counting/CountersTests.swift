import JSON
import ModelManifests
import NIOCore
import Serving
import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct LatencyHistogramTests {
    @Test("a latency equal to a bound is in that bucket, and one nanosecond more is not")
    func edges() {
        for (index, bound) in LatencyHistogram.boundsNanoseconds.enumerated() {
            #expect(LatencyHistogram.bucket(nanoseconds: bound) == index)
            #expect(LatencyHistogram.bucket(nanoseconds: bound + 1) == index + 1)
        }
        #expect(LatencyHistogram.bucket(nanoseconds: 0) == 0)
        #expect(LatencyHistogram.bucket(nanoseconds: .max) == LatencyBounds.seconds.count)
    }

    @Test("cumulative counts match a direct count")
    func cumulative() {
        var random = SeededRandom(seed: 3)
        let times = (0..<1000).map { _ in Int64.random(in: 0...200_000_000_000, using: &random) }
        var histogram = LatencyHistogram()
        for time in times { histogram.record(bucket: LatencyHistogram.bucket(nanoseconds: time)) }
        for (index, bound) in LatencyHistogram.boundsNanoseconds.enumerated() {
            #expect(histogram.cumulative[index] == times.count { $0 <= bound })
        }
    }
}

@Suite struct InstanceCountersTests {
    @Test("5xx and failures are errors, 4xx is rejected, the rest is neither")
    func outcomes() {
        var counters = InstanceCounters()
        for status in [200, 204, 301, 404, 429, 500, 503] {
            counters.record(.answered(status: status), nanoseconds: 1_000_000)
        }
        counters.record(.failed, nanoseconds: 1_000_000)
        let report = counters.report
        #expect(report.requests == 8)
        #expect(report.errors == 3)
        #expect(report.rejected == 2)
        #expect(report.bounds == LatencyBounds.seconds)
        #expect(report.latency.count == report.bounds.count)
        #expect(report.latency.last == 8)
        #expect(report.latency.first == 0)
    }
}

@Suite struct FailedRequestIdsTests {
    @Test("the last IDs are kept, newest last")
    func ring() {
        var ids = FailedRequestIds(capacity: 3)
        #expect(ids.newestLast.isEmpty)
        for id in 1...7 { ids.append("r\(id)") }
        #expect(ids.newestLast == ["r5", "r6", "r7"])
    }
}

@Suite struct TrafficSnapshotTests {
    @Test("the text is valid for Prometheus, with labels escaped")
    func text() {
        var counters = InstanceCounters()
        counters.record(.answered(status: 200), nanoseconds: 700_000)
        counters.record(.failed, nanoseconds: 2_000_000_000)
        let snapshot = TrafficSnapshot(
            epoch: "e", generation: 4, clientConnections: 2,
            weights: [.init(deployment: .init(name: "d"), revision: .init(rawValue: "r"), percent: 25)],
            instances: [
                .init(
                    deployment: .init(namespace: "n", name: "d"), revision: .init(rawValue: "r"), instance: "a\"b\\c",
                    counters: counters, inFlight: 3, connections: 5, isEjected: true)
            ])
        let lines = Set(snapshot.prometheusText().split(separator: "\n").map(String.init))
        let labels = #"namespace="n",deployment="d",revision="r",instance="a\"b\\c""#
        #expect(lines.contains("mlctl_proxy_requests_total{\(labels)} 2"))
        #expect(lines.contains("mlctl_proxy_errors_total{\(labels)} 1"))
        #expect(lines.contains("mlctl_proxy_in_flight_requests{\(labels)} 3"))
        #expect(lines.contains("mlctl_proxy_ejected{\(labels)} 1"))
        #expect(lines.contains(#"mlctl_proxy_weight_percent{namespace="default",deployment="d",revision="r"} 25"#))
        let name = "mlctl_proxy_request_duration_seconds"
        #expect(lines.contains("\(name)_bucket{\(labels),le=\"0.00063\"} 0"))
        #expect(lines.contains("\(name)_bucket{\(labels),le=\"0.0008\"} 1"))
        #expect(lines.contains("\(name)_bucket{\(labels),le=\"0.16\"} 1"))
        #expect(lines.contains("\(name)_bucket{\(labels),le=\"+Inf\"} 2"))
        #expect(lines.contains("\(name)_count{\(labels)} 2"))
        #expect(lines.contains("\(name)_sum{\(labels)} 2.0007"))
        #expect(snapshot.prometheusText().hasSuffix("\n"))
    }

    @Test("observed values and shadow pairs are reported by bucket and by reason")
    func taps() {
        let tally = ObservedTally(
            PredictionObservation(name: "score", path: JSONPath(steps: []), buckets: .edges([0.5])))
        tally.read(CopiedBody.bytes(ByteBuffer(string: "0.7"), BodyForm(), bytesMax: 1000).payload)
        tally.miss(.noRoom)
        let pairs = PairTally.Counts(
            pairs: PairCounters(pairs: 4, disagreements: 1, distance: 0.5, dropped: 2), unseen: [.tooLarge: 3])
        let snapshot = TrafficSnapshot(
            epoch: "e", generation: 4, clientConnections: 2, weights: [],
            instances: [
                .init(
                    deployment: .init(namespace: "n", name: "d"), revision: .init(rawValue: "r"), instance: "i",
                    counters: InstanceCounters(), inFlight: 0, connections: 0, isEjected: false,
                    observed: [.init(tally)], pairs: pairs)
            ])
        let lines = Set(snapshot.prometheusText().split(separator: "\n").map(String.init))
        let labels = #"namespace="n",deployment="d",revision="r",instance="i""#
        #expect(lines.contains("mlctl_proxy_observed_total{\(labels),observation=\"score\",bucket=\"0\"} 0"))
        #expect(lines.contains("mlctl_proxy_observed_total{\(labels),observation=\"score\",bucket=\"1\"} 1"))
        #expect(lines.contains("mlctl_proxy_not_observed_total{\(labels),observation=\"score\",reason=\"noRoom\"} 1"))
        #expect(lines.contains("mlctl_proxy_shadow_pairs_total{\(labels)} 4"))
        #expect(lines.contains("mlctl_proxy_shadow_disagreements_total{\(labels)} 1"))
        #expect(lines.contains("mlctl_proxy_shadow_distance_total{\(labels)} 0.5"))
        #expect(lines.contains("mlctl_proxy_shadow_dropped_total{\(labels)} 2"))
        #expect(lines.contains("mlctl_proxy_shadow_not_compared_total{\(labels),reason=\"tooLarge\"} 3"))
    }
}
