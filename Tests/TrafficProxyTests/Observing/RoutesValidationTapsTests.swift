import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct RoutesValidationTapsTests {
    private static func route() -> ProxyRoute {
        ProxyRoute(
            deployment: DeploymentKey(name: "d"), port: 9000,
            revisions: [
                RevisionRoute(revision: Revision(rawValue: "s"), weight: 100),
                RevisionRoute(revision: Revision(rawValue: "m"), weight: 0, mirror: 100),
            ],
            observe: [PlaneHarness.observation("score")])
    }

    @Test("a route that observes and mirrors is accepted")
    func fine() {
        #expect(RoutesValidation.checkTaps(of: Self.route(), limits: ProxyLimits()).isEmpty)
    }

    @Test("invalid observations and mirrors are refused")
    func refused() {
        func problems(_ change: (inout ProxyRoute) -> Void) -> String {
            var route = Self.route()
            change(&route)
            return RoutesValidation.checkTaps(of: route, limits: ProxyLimits()).joined(separator: "; ")
        }
        let many = problems { $0.observe = (0..<9).map { PlaneHarness.observation("o\($0)") } }
        #expect(many.contains("over 8 observations"))
        let twice = problems { $0.observe.append($0.observe[0]) }
        #expect(twice.contains("twice"))
        let sample = problems { $0.observe[0].sample = 1.5 }
        #expect(sample.contains("observation score: its sample"))
        let none = problems { $0.observe[0].buckets = .edges([]) }
        #expect(none.contains("2 to 32 buckets"))
        let order = problems { $0.observe[0].buckets = .edges([2, 1]) }
        #expect(order.contains("not ascending"))
        let nan = problems { $0.observe[0].buckets = .edges([0, .nan]) }
        #expect(nan.contains("not ascending"))
        let mirror = problems { $0.revisions[1].mirror = 101 }
        #expect(mirror.contains("mirrored share"))
        let range = problems { $0.comparison.range = 0 }
        #expect(range.contains("range"))
        let tolerance = problems { $0.comparison.tolerance = -1 }
        #expect(tolerance.contains("tolerance"))
    }
}
