import Foundation
import Logging
import Synchronization
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

/// A pod's label on a server that can be unreachable.
private final class PodServer: KubernetesTransport {
    private struct State {
        var label: String?
        var isAway = false
        var refused = 0
    }

    private let state = Mutex(State(label: "true"))

    var label: String? { state.withLock { $0.label } }
    var refused: Int { state.withLock { $0.refused } }
    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        struct Patch: Decodable {
            struct Metadata: Decodable { var labels: [String: String?] }
            var metadata: Metadata
        }
        return try state.withLock { state in
            guard !state.isAway else {
                state.refused += 1
                throw APIError(.transport, message: "away")
            }
            #expect(request.method == .patch && request.target.hasPrefix("/api/v1/namespaces/mlctl/pods/mlctl-0?"))
            let sent = try JSONDecoder().decode(Patch.self, from: request.body ?? Data())
            state.label = sent.metadata.labels["mlctl.dev/leader"] ?? nil
            return APIResponse(code: 200, body: Data(#"{"metadata":{"name":"mlctl-0"}}"#.utf8))
        }
    }

    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
        throw APIError(.transport, message: "no watches here")
    }
}

@Suite("The leader label of a pod", .timeLimit(.minutes(10)))
struct LeaderLabelTests {
    @Test("follows leadership, also after an earlier process left it, and once the API server is back")
    func follows() async throws {
        let (server, clock) = (PodServer(), ManualClock())
        let label = LeaderLabel(
            KubernetesAPI(transport: server, stopwatch: ClientClock(clock)),
            pod: NamespacedName(namespace: "mlctl", name: "mlctl-0"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let (changes, change) = AsyncStream.makeStream(of: Bool.self)
        let following = Task { await label.follow(changes) }
        change.yield(false)
        try await eventually { server.label == nil }
        change.yield(true)
        try await eventually { server.label == "true" }
        server.setAway(true)
        change.yield(false)
        try await eventually { server.refused > 0 }
        #expect(server.label == "true")
        server.setAway(false)
        try await eventually {
            clock.advance(by: .seconds(1))
            return server.label == nil
        }
        // The label follows what is wanted now, not what could not be written before.
        server.setAway(true)
        let before = server.refused
        change.yield(true)
        try await eventually { server.refused > before }
        change.yield(false)
        change.yield(true)
        server.setAway(false)
        try await eventually {
            clock.advance(by: .seconds(1))
            return server.label == "true"
        }
        following.cancel()
        await following.value
        #expect(server.label == nil)
    }
}
