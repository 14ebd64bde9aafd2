import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct RoutesValidationTests {
    private static func route(
        _ name: String = "d", port: Int = 9000, routing: Routing = .random, timeout: Duration = .seconds(1),
        revisions: [RevisionRoute] = [RevisionRoute(revision: Revision(rawValue: "aa"), weight: 100)],
        generate: SyntheticRoute? = nil
    ) -> ProxyRoute {
        ProxyRoute(
            deployment: DeploymentKey(name: name), port: port, routing: routing, requestTimeout: timeout,
            revisions: revisions, generate: generate)
    }

    private static func preview(_ port: Int, upstream: Int = 1) -> RevisionRoute {
        RevisionRoute(
            revision: Revision(rawValue: "aa"), weight: 100, upstreams: [Upstream(instance: "i", port: upstream)],
            previewPort: port)
    }

    private static func revision(_ name: String = "aa", _ weight: Int = 100, _ ports: [Int] = []) -> RevisionRoute {
        RevisionRoute(
            revision: Revision(rawValue: name), weight: weight,
            upstreams: ports.enumerated().map { Upstream(instance: "i\($0.offset)", port: $0.element) })
    }

    @Test("sound routes pass, closed ones too")
    func sound() throws {
        let routes = ProxyRoutes(routes: [
            Self.route(),
            Self.route("e", port: 9001, revisions: [Self.revision("a", 0, [1, 2]), Self.revision("b", 0)]),
            Self.route("f", port: 9002, routing: .stickyHeader("x-user"), revisions: []),
            Self.route(
                "g", port: 9003, routing: .matchHeader("x-group", value: "b"), revisions: [Self.preview(9004)],
                generate: SyntheticRoute(ratePerSecond: 0.5, file: "/f", path: "/v2/infer")),
        ])
        try RoutesValidation.check(routes, limits: ProxyLimits())
    }

    static let contradictions: [(String, [ProxyRoute])] = [
        ("there twice", [route(), route(port: 9001)]),
        ("taken by another route", [route(), route("e")]),
        ("not between 1 and 65535", [route(port: 0)]),
        ("not between 1 and 65535", [route(revisions: [revision("a", 100, [70_000])])]),
        ("sum to 100", [route(revisions: [revision("a", 50), revision("b", 40)])]),
        ("between 0 and 100", [route(revisions: [revision("a", 150), revision("b", -50)])]),
        ("revision is there twice", [route(revisions: [revision("a", 50), revision("a", 50)])]),
        ("would call itself", [route(revisions: [revision("a", 100, [9000])])]),
        ("revision's name", [route(revisions: [revision("a\r\nx: y", 100)])]),
        ("not a token", [route(routing: .stickyHeader("x user"))]),
        ("what is matched is not a token", [route(routing: .matchHeader("x group", value: "b"))]),
        ("does not have 1 to 1,024 bytes", [route(routing: .matchCookie("group", value: ""))]),
        ("preview port 70000 is not between", [route(revisions: [preview(70_000)])]),
        ("preview port 9000 is taken", [route(revisions: [preview(9000)])]),
        ("taken by another route", [route(revisions: [preview(9001)]), route("e", port: 9001)]),
        ("would call itself", [route(revisions: [preview(9001, upstream: 9001)])]),
        ("the rate is not between", [route(generate: SyntheticRoute(ratePerSecond: 0, file: "/f"))]),
        ("the rate is not between", [route(generate: SyntheticRoute(ratePerSecond: .nan, file: "/f"))]),
        ("the rate is not between", [route(generate: SyntheticRoute(ratePerSecond: 1001, file: "/f"))]),
        ("not absolute", [route(generate: SyntheticRoute(ratePerSecond: 1, file: "f"))]),
        ("does not start with '/'", [route(generate: SyntheticRoute(ratePerSecond: 1, file: "/f", path: "a"))]),
        ("requestTimeout", [route(timeout: .zero)]),
    ]

    @Test("routes that contradict themselves are refused with the reason", arguments: contradictions)
    func broken(reason: String, routes: [ProxyRoute]) {
        let error = #expect(throws: ProxyError.self) {
            try RoutesValidation.check(ProxyRoutes(routes: routes), limits: ProxyLimits())
        }
        #expect(error?.message.contains(reason) == true)
        #expect(error?.retryClass == .terminal)
    }
}
