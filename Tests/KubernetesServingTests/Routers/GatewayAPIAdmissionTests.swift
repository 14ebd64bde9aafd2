import Foundation
import KubernetesClient
import ModelManifests
import Serving
import Testing

@testable import KubernetesServing

/// The router's HTTPRoutes on a server; on a real one with the real definitions, if it has them.
@Suite("HTTPRoutes that a server accepts", .timeLimit(.minutes(10)))
struct GatewayAPIAdmissionTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var endpoint = Endpoint()
        var weights = (50, 50)
        var mirror = 0
        var rules = 1
    }

    static let shapes: [Shape] = [
        Shape(testDescription: "canary", weights: (95, 5)),
        Shape(testDescription: "blue-green, before the switch", weights: (100, 0)),
        Shape(testDescription: "blue-green, after the switch", weights: (0, 100)),
        Shape(
            testDescription: "A/B by header", endpoint: Endpoint(routing: .matchHeader("x-group", value: "b")), rules: 2
        ),
        Shape(
            testDescription: "A/B by cookie", endpoint: Endpoint(routing: .matchCookie("grp", value: "b.1 (*)")),
            rules: 2),
        Shape(testDescription: "a mirror of some", weights: (100, 0), mirror: 20),
        Shape(
            testDescription: "a mirror of all, with a time-out",
            endpoint: Endpoint(requestTimeout: .milliseconds(1500)), weights: (100, 0), mirror: 100),
        Shape(testDescription: "a day's time-out", endpoint: Endpoint(requestTimeout: .seconds(172_800))),
    ]

    @Test("over the model, with an open definition", arguments: shapes)
    func model(shape: Shape) async throws {
        try await TestCluster.with(.model) { cluster in
            try await cluster.installGatewayAPI()
            try await Self.apply(shape, to: cluster)
        }
    }

    @Test(
        "over a real API server", .enabled(if: TestCluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"),
        arguments: shapes)
    func real(shape: Shape) async throws {
        try await TestCluster.with(.real) { cluster in
            guard try await cluster.hasGatewayAPI() else { return }
            try await Self.apply(shape, to: cluster)
        }
    }

    /// Admitted, read back as intended, and not written again by this controller or the next.
    private static func apply(_ shape: Shape, to cluster: TestCluster) async throws {
        var plan = Sample.plan(
            [(Sample.one, 1, shape.weights.0), (Sample.two, 1, shape.weights.1)], router: .gatewayAPI,
            endpoint: shape.endpoint, key: cluster.key())
        plan.revisions[1].mirror = shape.mirror
        try await cluster.withBackend { [plan] backend in
            try await cluster.settle(backend, plan)
            try await cluster.acceptRoute()
            try await cluster.wait(
                until: { try await backend.observe(cluster.key()).weights != nil }, "the gateway has taken the route")
            let observed = try await backend.observe(cluster.key())
            #expect(observed.weights == [Sample.one: shape.weights.0, Sample.two: shape.weights.1])
            #expect(observed.mirrors == [Sample.one: 0, Sample.two: shape.mirror])
            let route = try await cluster.object(.httpRoutes, "fraud")
            #expect(route?["spec"]?["rules"]?.items.count == shape.rules)
        }
        try await cluster.withBackend { [plan] next in
            try await cluster.settle(next, plan, writes: 0, "the next controller")
        }
    }
}
