import Foundation
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Faults on demand, which only the model supports.
@Suite("The model behind the client's protocol", .timeLimit(.minutes(10)))
struct ModelTransportTests {
    let clock = ManualDate()

    func transport(_ plan: FaultPlan = FaultPlan()) -> ModelTransport {
        ModelTransport(APIServerModel(namespaces: ["n"], now: clock.now), plan: plan, now: { [clock] in clock.now })
    }

    func create(_ name: String) -> APIRequest {
        let body: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name)]]
        return .create(.configMaps, namespace: "n", body: body.data, fieldManager: "m")
    }

    func count(_ transport: ModelTransport) async -> Int { await transport.model.objects(.configMaps).count }

    @Test("a request is lost before it takes effect, or after")
    func lostRequests() async throws {
        let transport = transport(FaultPlan(requests: [1: .lostBefore, 2: .lostAfter]))
        let first = try? await transport.send(create("a"), timeout: .seconds(1))
        let before = await count(transport)
        let second = try? await transport.send(create("a"), timeout: .seconds(1))
        let after = await count(transport)
        #expect(first == nil && second == nil && before == 0 && after == 1)
        let third = try await transport.send(create("a"), timeout: .seconds(1))
        #expect(third.code == 409)
    }

    @Test("a 429 says when to retry")
    func tooManyRequests() async throws {
        let transport = transport(FaultPlan(requests: [1: .tooManyRequests(retryAfterSeconds: 7)]))
        let answer = try await transport.send(create("a"), timeout: .seconds(1))
        #expect(answer.code == 429 && answer.retryAfterSeconds == 7)
        let (writes, made) = (await transport.writes.count, await count(transport))
        #expect(writes == 1 && made == 0)
    }

    @Test("a stale list is as it was some revisions ago")
    func staleList() async throws {
        let transport = transport(FaultPlan(requests: [3: .stale(revisions: 1)]))
        for name in ["a", "b"] { _ = try await transport.send(create(name), timeout: .seconds(1)) }
        let request = APIRequest.list(.configMaps, .init(namespace: "n"), resourceVersion: "0")
        let stale = try await transport.send(request, timeout: .seconds(1))
        let fresh = try await transport.send(request, timeout: .seconds(1))
        #expect(JSONValue(data: stale.body)?[field: "items"]?.items.count == 1)
        #expect(JSONValue(data: fresh.body)?[field: "items"]?.items.count == 2)
    }

    /// The types of the events that a watch gets while `names` are created; then it ends.
    private func told(_ rates: FaultPlan.Rates, budget: Int, creating names: [String]) async throws -> [String] {
        let transport = transport(FaultPlan(seed: 7, rates: rates, budget: budget))
        let lines = try await transport.lines(
            .watch(.configMaps, .init(namespace: "n"), resourceVersion: "0", timeout: .seconds(60)),
            idleTimeout: .seconds(60))
        for name in names { _ = try await transport.send(create(name), timeout: .seconds(1)) }
        await transport.endWatches()
        var told: [String] = []
        for try await line in lines {
            told.append(JSONValue(data: line)?.value(at: "object", "metadata", "name")?.text ?? "")
        }
        return told
    }

    private func expect(_ wanted: [String], _ rates: FaultPlan.Rates, budget: Int, creating names: [String])
        async throws
    {
        let seen = try await told(rates, budget: budget, creating: names)
        #expect(seen == wanted)
    }

    @Test("events are late, repeated, left out, or lost with their watch")
    func events() async throws {
        var rates = FaultPlan.Rates()
        try await expect(["a", "b"], rates, budget: 0, creating: ["a", "b"])
        rates.lag = 1
        try await expect(["a", "b"], rates, budget: 1, creating: ["a", "b"])
        try await expect([], rates, budget: 1, creating: ["a"])
        rates = FaultPlan.Rates()
        rates.repeatedEvents = 1
        try await expect(["a", "a", "b"], rates, budget: 1, creating: ["a", "b"])
        rates = FaultPlan.Rates()
        rates.droppedEvents = 1
        try await expect(["b"], rates, budget: 1, creating: ["a", "b"])
        rates = FaultPlan.Rates()
        rates.lostEvents = 1
        try await expect([], rates, budget: 1, creating: ["a", "b"])
        rates = FaultPlan.Rates()
        rates.endedWatches = 1
        try await expect(["a"], rates, budget: 1, creating: ["a", "b"])
    }

    @Test("events of one delivery change places, if they are about different objects")
    func reorderedEvents() async throws {
        var rates = FaultPlan.Rates()
        rates.reorderedEvents = 1
        let transport = transport(FaultPlan(seed: 7, rates: rates, budget: 1))
        let lines = try await transport.lines(
            .watch(.configMaps, .init(namespace: "n"), resourceVersion: "0", timeout: .seconds(60)),
            idleTimeout: .seconds(60))
        let (first, second, now) = (create("a"), create("b"), clock.now)
        await transport.update { model in
            _ = model.handle(first, now: now)
            _ = model.handle(second, now: now)
        }
        await transport.endWatches()
        var told: [String?] = []
        for try await line in lines {
            told.append(JSONValue(data: line)?.value(at: "object", "metadata", "name")?.text)
        }
        #expect(told == ["b", "a"])
    }

    @Test("a seed replays its faults")
    func seeds() async throws {
        var rates = FaultPlan.Rates()
        (rates.lostBefore, rates.lostAfter, rates.unavailable) = (0.2, 0.2, 0.2)
        var runs: [[Int]] = []
        for seed in [11, 11, 12] as [UInt64] {
            let transport = transport(FaultPlan(seed: seed, rates: rates, budget: 50))
            var codes: [Int] = []
            for number in 0..<40 {
                codes.append((try? await transport.send(create("a\(number)"), timeout: .seconds(1)))?.code ?? 0)
            }
            runs.append(codes)
        }
        #expect(runs[0] == runs[1] && runs[0] != runs[2])
        #expect(Set(runs[0]).isSuperset(of: [0, 201, 503]))
    }

    @Test("a watch from before a compaction gets a 410, and ends")
    func expiredWatch() async throws {
        let transport = transport()
        _ = try await transport.send(create("a"), timeout: .seconds(1))
        await transport.update { $0.compact() }
        let lines = try await transport.lines(
            .watch(.configMaps, .init(namespace: "n"), resourceVersion: "2", timeout: .seconds(60)),
            idleTimeout: .seconds(60))
        var told: [JSONValue] = []
        for try await line in lines { told.append(JSONValue(data: line) ?? .null) }
        #expect(told.count == 1)
        #expect(told.first?[field: "type"] == "ERROR" && told.first?.value(at: "object", "code") == 410)
        #expect(told.first?.value(at: "object", "reason") == "Expired")
    }

    @Test("an unreachable server answers nobody, and ends the watches")
    func away() async throws {
        let transport = transport()
        let lines = try await transport.lines(
            .watch(.configMaps, .init(namespace: "n"), resourceVersion: "0", timeout: .seconds(60)),
            idleTimeout: .seconds(60))
        await transport.setAway(true)
        var isBroken = false
        do {
            for try await _ in lines {}
        } catch is APIError {
            isBroken = true
        }
        let unanswered = try? await transport.send(create("a"), timeout: .seconds(1))
        #expect(isBroken && unanswered == nil)
        await transport.setAway(false)
        let answer = try await transport.send(create("a"), timeout: .seconds(1))
        #expect(answer.code == 201)
    }

    @Test("over HTTP a wrong token is refused")
    func wrongToken() async throws {
        try await ModelServer.with(transport(), token: "right") { server in
            let url = try #require(URL(string: "\(server.url)/api/v1/namespaces/n/configmaps"))
            var request = URLRequest(url: url, timeoutInterval: 10)
            request.setValue("Bearer wrong", forHTTPHeaderField: "authorization")
            let (_, refused) = try await URLSession.shared.data(for: request)
            #expect((refused as? HTTPURLResponse)?.statusCode == 401)
            request.setValue("Bearer right", forHTTPHeaderField: "authorization")
            let (_, answer) = try await URLSession.shared.data(for: request)
            #expect((answer as? HTTPURLResponse)?.statusCode == 200)
        }
    }
}
