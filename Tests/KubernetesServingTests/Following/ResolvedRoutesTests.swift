import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

@Suite("Routes that proxies follow in a cluster")
struct FollowedRoutesTests {
    private let good = Revision(rawValue: "aaaaaaaaaa")
    private let new = Revision(rawValue: "bbbbbbbbbb")

    private func map(_ name: String) -> RouteConfigMap {
        RouteConfigMap(
            metadata: ObjectMetadata(name: "\(name)-route", namespace: "ml"),
            route: ProxyRoute(
                deployment: DeploymentKey(namespace: "ml", name: name), port: 10_001,
                revisions: [RevisionRoute(revision: good, weight: 75), RevisionRoute(revision: new, weight: 25)]))
    }

    private func slice(_ json: String, of name: String, _ revision: Revision) throws -> RevisionEndpoints {
        let text = """
            {"metadata": {"name": "s", "labels": {"mlctl.dev/deployment": "\(name)", "mlctl.dev/revision":
            "\(revision.rawValue)"}}, "addressType": "IPv4", \(json)}
            """
        return try JSONDecoder().decode(RevisionEndpoints.self, from: Data(text.utf8))
    }

    @Test("the ready pods of a revision are its instances, on any address and port")
    func pods() throws {
        let slices = [
            try slice(
                """
                "ports": [{"name": "metrics", "port": 9100}, {"name": "http", "port": 8080}], "endpoints": [
                {"addresses": ["10.1.0.7"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "p2"}},
                {"addresses": ["10.1.0.6"], "conditions": {"ready": false}, "targetRef": {"name": "p1"}},
                {"addresses": ["10.1.0.5"], "conditions": {"ready": true, "terminating": true}, "targetRef": {"name": "p0"}}]
                """, of: "fraud", good),
            try slice(
                """
                "ports": [{"port": 8081}], "endpoints": [{"addresses": ["fd00::9"], "targetRef": {"name": "p3"}}]
                """, of: "fraud", new),
        ]
        var followed = ResolvedRoutes()
        let routesFound = followed.update(maps: [map("fraud")], slices: slices)
        let routes = try #require(routesFound)
        #expect(routes.count == 1)
        let unchanged = followed.update(maps: [map("fraud")], slices: slices.reversed())
        #expect(unchanged == nil)
        #expect(routes[0].revisions[0].upstreams == [Upstream(instance: "p2", host: "10.1.0.7", port: 8080)])
        #expect(routes[0].revisions[1].upstreams == [Upstream(instance: "p3", host: "fd00::9", port: 8081)])
        #expect(routes[0].revisions.map(\.weight) == [75, 25])
    }

    private func sealed(_ name: String, weight: Int, by seal: RecordSeal, as writer: String? = nil) throws
        -> RouteConfigMap
    {
        let route = ProxyRoute(
            deployment: DeploymentKey(namespace: "ml", name: name), port: 10_001,
            revisions: [RevisionRoute(revision: good, weight: weight)])
        let text = AnnotationJSON.text(route)
        let map = NamespacedName(namespace: "ml", name: "\(writer ?? name)-route")
        let object: JSONValue = [
            "metadata": ["name": .string("\(name)-route"), "namespace": "ml"],
            "data": [
                ProxyRouter.routeKey: .string(text), ProxyRouter.sealKey: .string(seal.seal(.route(map: map, text))),
            ],
        ]
        return try JSONDecoder().decode(RouteConfigMap.self, from: object.jsonData)
    }

    @Test("a route that the controller has not sealed is not followed: the last sealed one stays in force")
    func forged() throws {
        let (seal, other) = (RecordSeal.random(), RecordSeal.random())
        var followed = ResolvedRoutes(check: SealCheck(publicKey: seal.publicKey))
        func weights(_ maps: RouteConfigMap...) -> [Int]? {
            followed.update(maps: maps, slices: [])?.flatMap { $0.revisions.map(\.weight) }
        }
        let forgedFirst = try weights(sealed("fraud", weight: 1, by: other))
        #expect(forgedFirst == [], "nothing is followed at first")
        #expect(followed.unsealed.map(\.name) == ["fraud-route"])
        let own = try weights(sealed("fraud", weight: 2, by: seal))
        #expect(own == [2])
        #expect(followed.unsealed.isEmpty)
        let unchanged = try weights(sealed("fraud", weight: 3, by: other))
        #expect(unchanged == nil)
        let copied = try weights(sealed("fraud", weight: 2, by: seal), sealed("copy", weight: 9, by: seal, as: "fraud"))
        #expect(copied == nil, "a seal is of one ConfigMap")
        #expect(map("fraud").isSealed(nil), "a proxy without a key follows all")
    }

    @Test("ending pods get requests as long as they answer and no other pod of the revision does")
    func ending() throws {
        func endpoint(_ pod: Int, ready: Bool, serving: Bool, terminating: Bool) -> String {
            """
            {"addresses": ["10.1.0.\(pod)"], "targetRef": {"name": "p\(pod)"},
            "conditions": {"ready": \(ready), "serving": \(serving), "terminating": \(terminating)}}
            """
        }
        let leaving = endpoint(1, ready: false, serving: true, terminating: true)
        let gone = endpoint(2, ready: false, serving: false, terminating: true)
        let starting = endpoint(3, ready: false, serving: false, terminating: false)
        let fresh = endpoint(4, ready: true, serving: true, terminating: false)
        func instances(_ endpoints: String...) throws -> [String]? {
            let text = #""ports": [{"port": 1}], "endpoints": [\#(endpoints.joined(separator: ","))]"#
            var followed = ResolvedRoutes()
            return followed.update(maps: [map("fraud")], slices: [try slice(text, of: "fraud", good)])?
                .first?.revisions.first?.upstreams.map(\.instance)
        }
        #expect(try instances(leaving, gone, starting) == ["p1"])
        #expect(try instances(leaving, gone, fresh) == ["p4"])
        #expect(try instances(gone, starting) == [])
    }

    @Test("a revision without a ready pod keeps its weight, so that the proxy can count what it misses")
    func weightsStay() throws {
        let one = """
            "ports": [{"port": 1}], "endpoints": [{"addresses": ["10.1.0.7"], "targetRef": {"name": "p"}}]
            """
        var followed = ResolvedRoutes()
        let found = followed.update(maps: [map("fraud")], slices: [try slice(one, of: "fraud", good)])
        let routes = try #require(found)
        #expect(routes[0].revisions.map(\.weight) == [75, 25])
        #expect(routes[0].revisions.map(\.upstreams.count) == [1, 0])
    }

    @Test("pods of another deployment are not used, even if the revision is the same")
    func otherDeployments() throws {
        let slices = [
            try slice(
                """
                "ports": [{"port": 1}], "endpoints": [{"addresses": ["10.1.0.7"], "targetRef": {"name": "p"}}]
                """, of: "other", good)
        ]
        var followed = ResolvedRoutes()
        let routesFound = followed.update(maps: [map("fraud")], slices: slices)
        let routes = try #require(routesFound)
        #expect(routes[0].revisions[0].upstreams.isEmpty)
    }

    @Test("a pod in two slices is one instance")
    func twoSlices() throws {
        let one = """
            "ports": [{"port": 1}], "endpoints": [{"addresses": ["10.1.0.7"], "targetRef": {"name": "p"}}]
            """
        let slices = [try slice(one, of: "fraud", good), try slice(one, of: "fraud", good)]
        var followed = ResolvedRoutes()
        let routesFound = followed.update(maps: [map("fraud")], slices: slices)
        let routes = try #require(routesFound)
        #expect(routes[0].revisions[0].upstreams.count == 1)
    }

    @Test("a map without a valid route is skipped, and one that had a route keeps it")
    func broken() throws {
        let text = #"{"metadata": {"name": "churn-route", "namespace": "ml"}, "data": {"route.json": "{"}}"#
        let broken = try JSONDecoder().decode(RouteConfigMap.self, from: Data(text.utf8))
        #expect(broken.route == nil)
        var followed = ResolvedRoutes()
        let firstFound = followed.update(maps: [broken, map("fraud")], slices: [])
        let first = try #require(firstFound)
        #expect(first.map(\.deployment.name) == ["fraud"])
        let secondFound = followed.update(maps: [map("churn"), map("fraud")], slices: [])
        let second = try #require(secondFound)
        #expect(second.map(\.deployment.name) == ["churn", "fraud"])
        let kept = followed.update(maps: [broken, map("fraud")], slices: [])
        #expect(kept == nil)
        let removed = followed.update(maps: [map("fraud")], slices: [])
        #expect(removed?.map(\.deployment.name) == ["fraud"])
    }

    @Test("each of several proxies counts its own users; one that is not listed counts all")
    func evidence() throws {
        func proxies(_ endpoints: String) throws -> [RevisionEndpoints] {
            [try slice(#""ports": [{"name": "control", "port": 9901}], "endpoints": [\#(endpoints)]"#, of: "x", good)]
        }
        let two = """
            {"addresses": ["10.1.0.1"], "conditions": {"ready": true}, "targetRef": {"name": "proxy-a"}},
            {"addresses": ["10.1.0.2"], "conditions": {"ready": true}, "targetRef": {"name": "proxy-b"}}
            """
        let leaving = """
            {"addresses": ["10.1.0.1"], "conditions": {"ready": false, "terminating": true}, "targetRef": {"name": "proxy-a"}},
            {"addresses": ["10.1.0.2"], "conditions": {"ready": true}, "targetRef": {"name": "proxy-b"}}
            """
        var sticky = map("fraud")
        sticky.route?.routing = .stickyHeader("x-user")
        func share(_ endpoints: String, of pod: String?, _ map: RouteConfigMap) throws -> EvidenceAssignment? {
            var followed = ResolvedRoutes(pod: pod)
            let routes = followed.update(maps: [map], slices: [], proxies: try proxies(endpoints))
            return try #require(routes?.first).evidence
        }
        #expect(
            try share(two, of: "proxy-a", sticky) == EvidenceAssignment(own: "proxy-a", all: ["proxy-a", "proxy-b"]))
        #expect(try share(leaving, of: "proxy-a", sticky) == EvidenceAssignment(own: "proxy-a", all: ["proxy-b"]))
        #expect(try share(leaving, of: "proxy-b", sticky) == nil)
        #expect(try share(two, of: "somewhere-else", sticky) == nil)
        #expect(try share(two, of: nil, sticky) == nil)
        #expect(try share("", of: "proxy-a", sticky) == nil)
        #expect(try share(two, of: "proxy-a", map("fraud")) == nil)
    }
}
