import Foundation
import Logging
import Synchronization
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

/// A server with one Lease with compare-and-swap, and nothing else.
private final class LeaseServer: KubernetesTransport {
    private struct State {
        var lease: [String: String]?
        var metadata = ObjectMetadata(name: "l", namespace: "a")
        var version = 0
        var isAway = false
    }

    private let state = Mutex(State())

    var holder: String? { state.withLock { $0.lease?["holderIdentity"] } }

    var annotations: [String: String] { state.withLock { $0.metadata.annotations } }
    var labels: [String: String] { state.withLock { $0.metadata.labels } }

    func label(_ labels: [String: String]) {
        state.withLock {
            $0.metadata.labels = labels
            $0.version += 1
        }
    }

    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        try state.withLock { state in
            guard !state.isAway else { throw APIError(.transport, message: "away") }
            switch request.method {
            case .get: return state.lease == nil ? answer(404, "{\"message\":\"not found\"}") : current(state)
            case .post where state.lease != nil: return answer(409, "{}")
            case .put where version(request) != "\(state.version)": return answer(409, "{}")
            default:
                state.version += 1
                state.lease = ["holderIdentity": holder(request)]
                // A replaced object has what was sent, and nothing else.
                state.metadata.labels = sent(request)?.metadata.labels ?? [:]
                state.metadata.annotations = sent(request)?.metadata.annotations ?? [:]
                return current(state)
            }
        }
    }

    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
        throw APIError(.transport, message: "no watches here")
    }

    private func answer(_ code: Int, _ text: String) -> APIResponse { APIResponse(code: code, body: Data(text.utf8)) }

    private func current(_ state: State) -> APIResponse {
        let holder = state.lease?["holderIdentity"] ?? ""
        func json(_ fields: [String: String]) -> String {
            String(decoding: (try? JSONEncoder().encode(fields)) ?? Data("{}".utf8), as: UTF8.self)
        }
        return answer(
            200,
            #"{"metadata":{"name":"l","namespace":"a","resourceVersion":"\#(state.version)","#
                + #""labels":\#(json(state.metadata.labels)),"annotations":\#(json(state.metadata.annotations))},"#
                + #""spec":{"holderIdentity":"\#(holder)","renewTime":"\#(state.version)"}}"#)
    }

    private func version(_ request: APIRequest) -> String? { sent(request)?.metadata.resourceVersion }
    private func holder(_ request: APIRequest) -> String { sent(request)?.spec.holderIdentity ?? "" }
    private func sent(_ request: APIRequest) -> Lease? {
        request.body.flatMap { try? JSONDecoder().decode(Lease.self, from: $0) }
    }
}

@Suite("Taking part in an election", .timeLimit(.minutes(10)))
struct LeaseElectorTests {
    private static func elector(_ server: LeaseServer, _ clock: ManualClock) -> LeaseElector {
        LeaseElector(
            KubernetesAPI(transport: server, stopwatch: ClientClock(clock)),
            lease: NamespacedName(namespace: "a", name: "l"),
            identity: "node", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test("two processes of one name are two candidates; the second leads at once when the first ends in good order")
    func handOver() async throws {
        let (server, clock) = (LeaseServer(), ManualClock())
        let (first, second) = (Self.elector(server, clock), Self.elector(server, clock))
        #expect(first.holder != second.holder)
        for elector in [first, second] { elector.advertise("http://10.0.0.1:8090") }
        let firstRun = Task { await first.run() }
        try await eventually { first.isLeading }
        let secondRun = Task { await second.run() }
        await clock.waitForSleepers(2)
        #expect(!second.isLeading)
        #expect(second.observedHolder == first.holder)
        firstRun.cancel()
        await firstRun.value
        #expect(server.holder == "")
        #expect(!first.isLeading)
        clock.advance(by: .seconds(2))
        try await eventually { second.isLeading }
        secondRun.cancel()
        await secondRun.value
    }

    @Test("a lease has the address of its leader's API from the first write on, and keeps the labels of others")
    func address() async throws {
        let (server, clock) = (LeaseServer(), ManualClock())
        let (first, second) = (Self.elector(server, clock), Self.elector(server, clock))
        first.advertise("http://10.0.0.1:8090")
        let firstRun = Task { await first.run() }
        try await eventually { first.isLeading }
        #expect(server.annotations == [Lease.apiAnnotation: "http://10.0.0.1:8090"])
        server.label(["helm.sh/chart": "mlctl"])
        let secondRun = Task { await second.run() }
        second.advertise("http://10.0.0.2:8090")
        try await eventually { second.observedAPI == "http://10.0.0.1:8090" }
        #expect(first.observedAPI == "http://10.0.0.1:8090")
        try await eventually {
            clock.advance(by: .milliseconds(500))
            return server.labels == ["helm.sh/chart": "mlctl"] && first.isLeading
        }
        firstRun.cancel()
        await firstRun.value
        #expect(server.annotations.isEmpty)
        try await eventually {
            clock.advance(by: .milliseconds(500))
            return second.isLeading
        }
        #expect(second.observedAPI == "http://10.0.0.2:8090")
        #expect(server.labels == ["helm.sh/chart": "mlctl"])
        secondRun.cancel()
        await secondRun.value
    }

    @Test("a candidate whose API cannot be reached yet does not take the lease, and ends when it is cancelled")
    func unknownAddress() async throws {
        let (server, clock) = (LeaseServer(), ManualClock())
        let (early, late) = (Self.elector(server, clock), Self.elector(server, clock))
        let earlyRun = Task { await early.run() }
        late.advertise("http://10.0.0.2:8090")
        let lateRun = Task { await late.run() }
        try await eventually {
            clock.advance(by: .milliseconds(500))
            return late.isLeading
        }
        #expect(server.holder == late.holder && early.observedHolder == nil)
        for run in [earlyRun, lateRun] {
            run.cancel()
            await run.value
        }
    }

    @Test("a leader that cannot reach the server stops leading by the clock alone, and tells its listeners")
    func cutOff() async throws {
        let (server, clock) = (LeaseServer(), ManualClock())
        let elector = Self.elector(server, clock)
        elector.advertise("http://10.0.0.1:8090")
        var changes = elector.changes().makeAsyncIterator()
        let run = Task { await elector.run() }
        #expect(await changes.next() == false)
        #expect(await changes.next() == true)
        server.setAway(true)
        clock.advance(by: .seconds(10))
        #expect(!elector.isLeading)
        #expect(await changes.next() == false)
        // A renewal that was answered just before is reported first; the next one reports why there is none.
        try await eventually {
            clock.advance(by: .milliseconds(500))
            return elector.failure?.contains("away") == true
        }
        server.setAway(false)
        try await eventually {
            clock.advance(by: .milliseconds(500))
            return elector.isLeading
        }
        #expect(elector.failure == nil)
        run.cancel()
        await run.value
    }
}
