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

    private func accept(
        _ routes: [ProxyRoute], following former: [ProxyRoute] = [], reserved: [ReservedPort] = []
    ) -> AcceptedRoutes {
        RoutesValidation.accept(
            ProxyRoutes(routes: routes, reservedPorts: reserved),
            following: AcceptedRoutes(routes: ProxyRoutes(routes: former)), limits: ProxyLimits())
    }

    @Test("valid routes pass unchanged, also closed ones")
    func sound() {
        let routes = [
            Self.route(),
            Self.route("e", port: 9001, revisions: [Self.revision("a", 0, [1, 2]), Self.revision("b", 0)]),
            Self.route("f", port: 9002, routing: .stickyHeader("x-user"), revisions: []),
            Self.route(
                "g", port: 9003, routing: .matchHeader("x-group", value: "b"), revisions: [Self.preview(9004)],
                generate: SyntheticRoute(ratePerSecond: 0.5, file: "/f", path: "/v2/infer")),
        ]
        let accepted = accept(routes)
        #expect(accepted.routes.routes == routes)
        #expect(accepted.refused.isEmpty && accepted.portFaults.isEmpty && accepted.unrouted.isEmpty)
    }

    static let contradictions: [(String, [ProxyRoute])] = [
        ("listed twice", [route(), route(port: 9001)]),
        ("already used by default/d", [route(), route("e")]),
        ("not between 1 and 65535", [route(port: 0)]),
        ("not between 1 and 65535", [route(revisions: [revision("a", 100, [70_000])])]),
        ("sum to 100", [route(revisions: [revision("a", 50), revision("b", 40)])]),
        ("between 0 and 100", [route(revisions: [revision("a", 150), revision("b", -50)])]),
        ("revision is listed twice", [route(revisions: [revision("a", 50), revision("a", 50)])]),
        ("would call itself", [route(revisions: [revision("a", 100, [9000])])]),
        ("revision's name", [route(revisions: [revision("a\r\nx: y", 100)])]),
        ("not a token", [route(routing: .stickyHeader("x user"))]),
        ("header or cookie is not a token", [route(routing: .matchHeader("x group", value: "b"))]),
        ("does not have 1 to 1,024 bytes", [route(routing: .matchCookie("group", value: ""))]),
        ("preview port 70000 is not between", [route(revisions: [preview(70_000)])]),
        ("preview port 9000 is already used", [route(revisions: [preview(9000)])]),
        ("already used by the preview of default/d's aa", [route(revisions: [preview(9001)]), route("e", port: 9001)]),
        ("would call itself", [route(revisions: [preview(9001, upstream: 9001)])]),
        ("the rate is not between", [route(generate: SyntheticRoute(ratePerSecond: 0, file: "/f"))]),
        ("the rate is not between", [route(generate: SyntheticRoute(ratePerSecond: .nan, file: "/f"))]),
        ("the rate is not between", [route(generate: SyntheticRoute(ratePerSecond: 1001, file: "/f"))]),
        ("not absolute", [route(generate: SyntheticRoute(ratePerSecond: 1, file: "f"))]),
        ("does not start with '/'", [route(generate: SyntheticRoute(ratePerSecond: 1, file: "/f", path: "a"))]),
        ("requestTimeout", [route(timeout: .zero)]),
    ]

    @Test(
        "contradictory routes are refused with the reason, and another route is followed", arguments: contradictions)
    func broken(reason: String, routes: [ProxyRoute]) {
        let sound = Self.route("sound", port: 8999, revisions: [Self.revision("a", 100, [1])])
        let accepted = accept(routes + [sound])
        #expect(accepted.refused.values.flatMap(\.self).contains { $0.contains(reason) })
        #expect(accepted.refused[sound.deployment] == nil)
        #expect(accepted.routes.routes.last == sound)
    }

    @Test("whatever else of a known route is refused, its weights and instances apply")
    func weightsFollow() throws {
        let former = Self.route(revisions: [Self.revision("a", 50, [1]), Self.revision("b", 50, [2])])
        let weights = [Self.revision("a", 100, [3]), Self.revision("b", 0, [2])]
        let bad = [
            Self.route(port: 0, revisions: weights), Self.route(port: 7000, revisions: weights),
            Self.route(timeout: .zero, revisions: weights),
            Self.route(routing: .stickyHeader("x y"), revisions: weights),
            Self.route(revisions: weights, generate: SyntheticRoute(ratePerSecond: 0, file: "/f")),
        ]
        for route in bad {
            let accepted = accept([route], following: [former], reserved: [ReservedPort(port: 7000, use: "the API")])
            #expect(accepted.refused[former.deployment]?.count == 1)
            var expected = former
            expected.revisions = weights
            #expect(accepted.routes.routes == [expected])
        }
    }

    @Test("refused weights stay as they were, and new addresses of instances apply")
    func upstreamsFollow() {
        let former = Self.route(revisions: [Self.revision("a", 50, [1]), Self.revision("b", 50, [2])])
        let accepted = accept(
            [Self.route(revisions: [Self.revision("a", 50, [3]), Self.revision("b", 49, [])])], following: [former])
        #expect(
            accepted.routes.routes == [
                Self.route(revisions: [Self.revision("a", 50, [3]), Self.revision("b", 50, [])])
            ])
    }

    @Test("an endpoint does not open without the TLS that it asks for, and an address is an IP address")
    func door() {
        var route = Self.route()
        route.tls = EndpointTLS(certificateFile: "c", keyFile: "/k")
        #expect(accept([route]).routes.routes.isEmpty)
        #expect(accept([route]).refused.values.first?.first?.contains("certificateFile is not absolute") == true)
        var former = Self.route()
        former.tls = EndpointTLS(certificateFile: "/c", keyFile: "/k")
        #expect(accept([route], following: [former]).routes.routes == [former])
        var elsewhere = Self.route()
        elsewhere.address = "localhost"
        #expect(accept([elsewhere]).routes.routes == [Self.route()])
        #expect(accept([elsewhere]).refused.values.first?.first == "endpoint.address is not an IP address")
    }

    @Test("an instance's port for gRPC is a port, and none of the proxy's own")
    func callPorts() {
        func route(_ port: Int) -> ProxyRoute {
            Self.route(
                revisions: [
                    RevisionRoute(
                        revision: Revision(rawValue: "aa"), weight: 100,
                        upstreams: [Upstream(instance: "i", port: 1, rpcPort: port)])
                ])
        }
        #expect(accept([route(2)]).refused.isEmpty)
        #expect(accept([route(70_000)]).refused.values.first?.first?.contains("not between 1 and 65535") == true)
        let looping = accept([route(9000)], following: [route(9000)])
        #expect(looping.refused.values.first?.first?.contains("the proxy would call itself") == true)
        #expect(looping.routes.routes.first?.revisions.first?.upstreams.isEmpty == true)
    }

    @Test("a new route without a valid part is left out, and its port is reported")
    func unrouted() {
        let accepted = accept([Self.route(revisions: [Self.revision("a", 50)])])
        #expect(accepted.routes.routes.isEmpty)
        #expect(accepted.unrouted == [DeploymentKey(name: "d"): 9000])
    }

    @Test("the owner of a port keeps it, whoever else asks for it, in any order")
    func holderComesFirst() {
        let holder = Self.route("z")
        let accepted = accept([Self.route("a"), holder], following: [holder])
        #expect(accepted.refused.keys.map(\.name) == ["a"])
        let owner = PortOwner(deployment: DeploymentKey(name: "a"))
        #expect(accepted.portFaults[owner]?.kept == nil)
        #expect(accepted.wantedPorts[owner] == .some(nil))
    }

    @Test("an endpoint at an instance's port is refused, and so is an instance at an open endpoint")
    func instancePorts() {
        let serving = Self.route("x", revisions: [Self.revision("a", 100, [7005])])
        let late = Self.route("y", port: 7005)
        let asked = accept([serving, late], following: [serving])
        #expect(asked.refused.keys.map(\.name) == ["y"] && asked.routes.routes.first == serving)
        let open = accept([serving, late], following: [late])
        #expect(open.refused.keys.map(\.name) == ["x"])
        #expect(open.routes.routes.first?.revisions.first?.upstreams.isEmpty == true)
    }

    @Test("a refused port belongs to nobody, the next time too")
    func refusedAgain() {
        let serving = Self.route("x", revisions: [Self.revision("a", 100, [7005])])
        let late = Self.route("y", port: 7005)
        let first = accept([late, serving], following: [serving])
        let second = RoutesValidation.accept(first.routes, following: first, limits: ProxyLimits())
        #expect(second.refused == first.refused && second.routes == first.routes)
        #expect(second.refused.keys.map(\.name) == ["y"])
    }

    @Test("ports may be swapped, or rotated in a ring")
    func ring() {
        let former = [Self.route("a", port: 1), Self.route("b", port: 2), Self.route("c", port: 3)]
        let new = [Self.route("a", port: 2), Self.route("b", port: 3), Self.route("c", port: 1)]
        let accepted = accept(new, following: former)
        #expect(accepted.refused.isEmpty && accepted.routes.routes == new)
    }
}
