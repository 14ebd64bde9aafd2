import ModelManifests
import Serving
import Testing

@testable import TrafficProxy

@Suite struct AssignmentRoutingTests {
    @Test("requests with exactly the header's value always go to the candidate, and every request is evidence")
    func matchedHeader() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(
                ["s": (95, [stable.port]), "c": (5, [candidate.port])],
                routing: .matchHeader("X-Group", value: "beta"))
            let client = try RawClient(port: port)
            for fields in [["x-group: beta"], ["X-GROUP:   beta  ", "x-user: 1"]] {
                for _ in 0..<10 { #expect(try await client.request(fields: fields).field("x-mlctl-revision") == "c") }
            }
            for fields in [[], ["x-group: Beta"], ["x-group: betas"], ["x-group:"], ["x-group2: beta"]] {
                for _ in 0..<10 { #expect(try await client.request(fields: fields).field("x-mlctl-revision") == "s") }
            }
            #expect(try await harness.instance("c-0").counters.requests == 20)
            #expect(try await harness.instance("s-0").counters.requests == 50)
        }
    }

    @Test("with weight 0 no request goes to the candidate; with weight 100 every request does")
    func matchedCookie() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            for (generation, expected) in [(0, ("s", "s")), (30, ("c", "s")), (100, ("c", "c"))].enumerated() {
                let (weight, (matching, other)) = expected
                let port = try await harness.route(
                    ["s": (100 - weight, [stable.port]), "c": (weight, [candidate.port])],
                    routing: .matchCookie("group", value: "b"), generation: generation)
                let client = try RawClient(port: port)
                let with = try await client.request(fields: ["cookie: a=1; group=b"]).field("x-mlctl-revision")
                let without = try await client.request(fields: ["cookie: a=b"]).field("x-mlctl-revision")
                #expect(with == matching && without == other)
            }
        }
    }

    @Test("a preview port serves one revision only, and its requests are neither evidence nor traffic")
    func preview() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(500))
            let previewPort = try HeldPort.refusing()
            func apply(_ candidatePorts: [Int], preview: Int?, generation: Int) async throws -> ProxyReport {
                let route = ProxyRoute(
                    deployment: PlaneHarness.deployment, port: 0, routing: .stickyHeader("x-user"),
                    revisions: [
                        RevisionRoute(
                            revision: Revision(rawValue: "s"), weight: 100,
                            upstreams: [Upstream(instance: "s-0", port: stable.port)]),
                        RevisionRoute(
                            revision: Revision(rawValue: "c"), weight: 0,
                            upstreams: candidatePorts.map { Upstream(instance: "c-0", port: $0) }, previewPort: preview),
                    ])
                return try await harness.handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
            }
            let report = try await apply([candidate.port], preview: previewPort, generation: 1)
            #expect(report.endpoints.count == 1)
            #expect(
                report.previews == [
                    EndpointReport(deployment: PlaneHarness.deployment, port: previewPort, listening: true)
                ])
            let client = try RawClient(port: previewPort)
            for _ in 0..<5 {
                let answer = try await client.request(fields: ["x-user: u", "x-mlctl-synthetic: true"])
                #expect(answer.status == 500 && answer.field("x-mlctl-revision") == "c")
                let id = try #require(answer.field("x-mlctl-request-id"))
                let identity = RequestIdentity(id, of: PlaneHarness.deployment, key: PlaneHarness.requestIdKey)
                #expect(identity?.revision.rawValue == "c")
            }
            let instance = try await harness.instance("c-0")
            #expect(instance.counters.requests == 0 && instance.counters.synthetic == nil)
            #expect(instance.failedRequestIds.isEmpty)
            let lines = try await harness.handle.traffic().get().prometheusText().split(separator: "\n")
            let ofCandidate = lines.filter { $0.contains("instance=\"c-0\"") }
            let previewed = ofCandidate.first { $0.hasPrefix("mlctl_proxy_preview_requests_total{") }
            let ofUsers = ofCandidate.first { $0.hasPrefix("mlctl_proxy_requests_total{") }
            #expect(previewed?.hasSuffix(" 5") == true && ofUsers?.hasSuffix(" 0") == true)

            _ = try await apply([], preview: previewPort, generation: 2)
            #expect(try await client.request().status == 503)
            let without = try await apply([candidate.port], preview: nil, generation: 3)
            #expect(without.previews.isEmpty)
            #expect(throws: ClientError.self) { try RawClient(port: previewPort) }
        }
    }

    @Test("users of an A/B test stay at their revision while weights change, and new users follow the weights")
    func keptUsers() async throws {
        try await PlaneHarness.run { harness in
            let stable = try await ScriptedUpstream(.status(200))
            let candidate = try await ScriptedUpstream(.status(200))
            var known: [String?] = []
            for (generation, weight) in [10, 90, 50].enumerated() {
                let route = ProxyRoute(
                    deployment: PlaneHarness.deployment, port: 0, routing: .stickyHeader("x-user"),
                    revisions: [
                        RevisionRoute(
                            revision: Revision(rawValue: "s"), weight: 100 - weight,
                            upstreams: [Upstream(instance: "s-0", port: stable.port)]),
                        RevisionRoute(
                            revision: Revision(rawValue: "c"), weight: weight,
                            upstreams: [Upstream(instance: "c-0", port: candidate.port)]),
                    ], keepsUsers: true)
                let report = try await harness.handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
                let client = try RawClient(port: try #require(report.endpoints.first).port)
                var revisions: [String?] = []
                for user in 0..<known.count + 100 {
                    revisions.append(try await client.request(fields: ["x-user: u\(user)"]).field("x-mlctl-revision"))
                }
                #expect(Array(revisions.prefix(known.count)) == known)
                let share = revisions.suffix(100).count { $0 == "c" }
                #expect((weight - 25...weight + 25).contains(share))
                known = revisions
            }
            let snapshot = try await harness.handle.traffic().get()
            let text = snapshot.prometheusText()
            #expect(text.contains("mlctl_proxy_kept_users{namespace=\"test\",deployment=\"d\"} 300\n"))
            #expect(text.contains("mlctl_proxy_unkept_requests_total{namespace=\"test\",deployment=\"d\"} 0\n"))
            #expect(!text.contains("mlctl_proxy_synthetic_dropped_total{"))
            // Only each user's first request is evidence, whatever the current weights are.
            let report = try await harness.report()
            let counted = report.instances.map(\.counters.requests).reduce(0, +)
            #expect(counted == 300)
        }
    }

    @Test("two proxies send a user to the same revision, and together count the user's first request once")
    func severalProxies() async throws {
        try await PlaneHarness.run { one in
            try await PlaneHarness.run { two in
                let stable = try await ScriptedUpstream(.status(200))
                let candidate = try await ScriptedUpstream(.status(200))
                var clients: [RawClient] = []
                for (name, harness) in [("proxy-a", one), ("proxy-b", two)] {
                    var route = ProxyRoute(
                        deployment: PlaneHarness.deployment, port: 0, routing: .stickyHeader("x-user"),
                        revisions: [
                            RevisionRoute(
                                revision: Revision(rawValue: "s"), weight: 50,
                                upstreams: [Upstream(instance: "s-0", port: stable.port)]),
                            RevisionRoute(
                                revision: Revision(rawValue: "c"), weight: 50,
                                upstreams: [Upstream(instance: "c-0", port: candidate.port)]),
                        ])
                    route.evidence = EvidenceAssignment(own: name, all: ["proxy-a", "proxy-b"])
                    let report = try await harness.handle.apply(ProxyRoutes(generation: 1, routes: [route])).get()
                    clients.append(try RawClient(port: try #require(report.endpoints.first).port))
                }
                for user in 0..<60 {
                    var revisions: Set<String?> = []
                    for turn in 0..<4 {
                        let answer = try await clients[turn % 2].request(fields: ["x-user: u\(user)"])
                        revisions.insert(answer.field("x-mlctl-revision"))
                    }
                    #expect(revisions.count == 1, "u\(user)")
                }
                let reports = [try await one.report(), try await two.report()]
                let counted = reports.map { $0.instances.map(\.counters.requests).reduce(0, +) }
                #expect(counted.reduce(0, +) == 60, "\(counted)")
                let most = try #require(counted.max())
                #expect(most < 60, "\(counted)")
            }
        }
    }

    @Test("every answer has a minted ID that can be verified, beside the client's own")
    func requestIds() async throws {
        try await PlaneHarness.run { harness in
            let upstream = try await ScriptedUpstream(.answer(name: "r"))
            let client = try RawClient(port: try await harness.route(["r": (100, [upstream.port])]))
            var ids: Set<String> = []
            for fields in [[], ["x-request-id: mine"], ["x-mlctl-request-id: forged"]] {
                let answer = try await client.request(fields: fields)
                let id = try #require(answer.field("x-mlctl-request-id"))
                let identity = RequestIdentity(id, of: PlaneHarness.deployment, key: PlaneHarness.requestIdKey)
                #expect(identity?.revision.rawValue == "r")
                #expect(answer.body.contains("x-mlctl-request-id: \(id)\n"))
                #expect(answer.field("x-request-id") == (fields == ["x-request-id: mine"] ? "mine" : id))
                let names = answer.fields.map(\.name).filter { $0 == "x-mlctl-request-id" }
                #expect(names.count == 1)
                ids.insert(id)
            }
            #expect(ids.count == 3)
            try await harness.route(["r": (0, [upstream.port])], generation: 2)
            let closed = try await client.request()
            #expect(closed.status == 503 && closed.field("x-mlctl-request-id")?.hasPrefix("none-") == true)
            #expect(closed.field("x-mlctl-request-id") == closed.field("x-request-id"))
        }
    }
}
