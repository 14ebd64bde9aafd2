import ModelManifests
import NIOCore
import Serving
import Testing

@testable import TrafficProxy

@Suite("One bad instance of a revision")
struct OutlierTests {
    private var limits: ProxyLimits {
        var limits = ProxyLimits()
        limits.outlierTimeMin = .seconds(60)
        return limits
    }

    /// - Returns: the outliers, after the sweep has checked the counters.
    private func ejected(_ harness: PlaneHarness) async throws -> [String: OutlierCause] {
        try await Task.sleep(for: .milliseconds(250))
        return Dictionary(
            uniqueKeysWithValues: try await harness.report().instances.compactMap { report in
                report.outlier.map { (report.instance, $0) }
            })
    }

    @Test("is ejected after a few failures, and the others answer everything")
    func failing() async throws {
        try await PlaneHarness.run(limits: limits) { harness in
            let good = try await ScriptedUpstream(.status(200))
            let other = try await ScriptedUpstream(.status(200))
            let bad = try await ScriptedUpstream(.status(500))
            let client = try RawClient(
                port: try await harness.route(["s": (100, [good.port, bad.port, other.port])]))
            for _ in 0..<60 { _ = try await client.request() }
            #expect(try await ejected(harness) == ["s-1": .failing])
            #expect(try await harness.instance("s-1").ejected)
            let before = try await bad.requests()
            for _ in 0..<200 { #expect(try await client.request().status == 200) }
            #expect(try await bad.requests() == before)
            #expect(try await harness.metrics().contains("mlctl_proxy_ejected"))
        }
    }

    @Test("returns when it is listed again, because it may be another process")
    func relisted() async throws {
        try await PlaneHarness.run(limits: limits) { harness in
            let good = try await ScriptedUpstream(.status(200))
            let bad = try await ScriptedUpstream(.status(500))
            let client = try RawClient(port: try await harness.route(["s": (100, [good.port, bad.port])]))
            for _ in 0..<60 { _ = try await client.request() }
            #expect(try await ejected(harness) == ["s-1": .failing])
            try await harness.route(["s": (100, [good.port])], generation: 2)
            try await bad.behave(.status(200))
            try await harness.route(["s": (100, [good.port, bad.port])], generation: 3)
            #expect(try await ejected(harness).isEmpty)
            let before = try await bad.requests()
            for _ in 0..<40 { #expect(try await client.request().status == 200) }
            #expect(try await bad.requests() > before)
        }
    }

    @Test("is not ejected if all instances fail: then the model is the cause")
    func model() async throws {
        try await PlaneHarness.run(limits: limits) { harness in
            let bad = try await ScriptedUpstream(.status(500))
            let too = try await ScriptedUpstream(.status(500))
            let client = try RawClient(port: try await harness.route(["s": (100, [bad.port, too.port])]))
            for _ in 0..<60 { _ = try await client.request() }
            #expect(try await ejected(harness).isEmpty)
        }
    }
}
