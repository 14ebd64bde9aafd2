import Foundation
import KubernetesClient
import Synchronization
import TestSupport
import Testing
import Transport

@testable import KubernetesServing

/// A server that says nothing may have nothing to say, or may be away.
@Suite("An API server that says nothing")
struct ServerSilenceTests {
    @Test("is asked after three seconds, once at a time, and again three seconds after an answer")
    func paced() {
        var silence = ServerSilence()
        func asks(_ heard: Double?, _ now: Double) -> Bool {
            silence.mustAsk(heardAt: heard.map { .seconds($0) }, now: .seconds(now))
        }
        #expect(!asks(nil, 60), "one that never said anything is another trouble")
        #expect(!asks(10, 12.9) && asks(10, 13) && !asks(10, 14), "one question at a time")
        silence.answered(nil, now: .seconds(14))
        #expect(silence.reason == nil)
        #expect(!asks(10, 16.9) && asks(10, 17))
        silence.answered("no answer within 3s", now: .seconds(20))
        #expect(silence.reason == "no answer within 3s")
        #expect(asks(10, 20.5), "without an answer it is asked again at once")
        silence.answered("no answer within 3s", now: .seconds(23.5))
        #expect(!asks(24, 24.5) && silence.reason == nil, "what a watch heard since is an answer")
    }

    /// Watches go on, and nothing is answered: a server that has stopped, or a partition.
    private final class Deaf: KubernetesTransport {
        let transport: CountingTransport
        private let deaf = Mutex(false)
        private let questions = Mutex(0)

        init(_ transport: CountingTransport) { self.transport = transport }

        var asked: Int { questions.withLock { $0 } }
        func set(_ isDeaf: Bool) { deaf.withLock { $0 = isDeaf } }

        func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
            guard request.path == "/version" else { return try await transport.send(request, timeout: timeout) }
            questions.withLock { $0 += 1 }
            #expect(timeout == ServerSilence.questionLimit)
            guard deaf.withLock({ $0 }) else { return APIResponse(code: 403, body: Data()) }
            throw APIError(.transport, message: "no answer within 3s")
        }

        func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
            try await transport.lines(request, idleTimeout: idleTimeout)
        }
    }

    @Test("is said to be away, and how, where it does not answer; any answer will do, a refusal too")
    func backend() async throws {
        try await TestCluster.with(.model) { cluster in
            let clock = ManualClock()
            let transport = Deaf(cluster.transport)
            let backend = ClusterBackend(
                api: KubernetesAPI(transport: transport, stopwatch: ClientClock(clock)), owners: NoOwners(),
                settings: Sample.settings, clock: { clock.now.offset })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await backend.run() }
                defer { group.cancelAll() }
                try await cluster.wait(until: { await backend.unsynced(of: backend.views.all) == nil }, "synced")
                #expect(await backend.reach() == nil && transport.asked == 0, "it has just been heard of")
                clock.advance(by: .seconds(4))
                #expect(await backend.reach() == nil && transport.asked == 1)
                transport.set(true)
                #expect(await backend.reach() == nil && transport.asked == 1, "it has just answered")
                clock.advance(by: .seconds(4))
                let reason = try #require(await backend.reach())
                #expect(reason.contains("the API server does not answer") && reason.contains("no answer within 3s"))
                #expect(await backend.outage() == reason, "passes know it without asking")
                transport.set(false)
                #expect(await backend.reach() == nil)
                #expect(await backend.outage() == nil)
            }
        }
    }
}
