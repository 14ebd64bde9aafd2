import Foundation
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

@Suite("Retries of requests")
struct RetryPolicyTests {
    static let read = APIRequest.get(.pods, NamespacedName(namespace: "a", name: "b"))
    static let creation = APIRequest.create(.pods, namespace: "a", body: Data(), fieldManager: "t")
    static let swap = APIRequest.replace(
        .pods, NamespacedName(namespace: "a", name: "b"), body: Data(), fieldManager: "t")
    static let lost = APIError(.transport, message: "reset")

    static func status(_ code: Int, retryAfter: Duration? = nil) -> APIError {
        APIError(.status(code: code, reason: ""), message: "", retryAfter: retryAfter)
    }

    func wait(_ error: APIError, _ request: APIRequest, attempt: Int = 1, elapsed: Duration = .zero) -> Duration? {
        var generator = SeededRandom(seed: 1)
        return RetryPolicy().wait(after: error, to: request, attempt: attempt, elapsed: elapsed, using: &generator)
    }

    @Test("after a lost connection only idempotent requests are retried")
    func idempotence() {
        #expect(wait(Self.lost, Self.read) != nil)
        #expect(wait(Self.lost, Self.creation) == nil)
        #expect(wait(Self.lost, Self.swap) == nil)
        #expect(wait(Self.status(500), Self.creation) == nil)
    }

    @Test("if the server says that it did not act any request is retried, and not before the time that it gave")
    func serverSays() {
        #expect(wait(Self.status(429, retryAfter: .seconds(3)), Self.creation) == .seconds(3))
        #expect(wait(Self.status(503, retryAfter: .seconds(1)), Self.swap) == .seconds(1))
        #expect(wait(Self.status(503), Self.swap) == nil)
    }

    @Test("a conflict, a missing permission and an expired version go to the caller")
    func callers() {
        for code in [400, 401, 403, 404, 409, 410, 422] { #expect(wait(Self.status(code), Self.read) == nil) }
    }

    @Test("attempts and time are bounded")
    func bounds() {
        #expect(wait(Self.lost, Self.read, attempt: 4) == nil)
        #expect(wait(Self.status(429, retryAfter: .seconds(60)), Self.read) == nil)
        #expect(wait(Self.lost, Self.read, elapsed: .seconds(10)) == nil)
    }

    @Test("waits double up to the cap, and are random in their upper half")
    func backoff() {
        let backoff = Backoff(initial: .milliseconds(100), cap: .seconds(1))
        var generator = SeededRandom(seed: 7)
        let longest: [Duration] = [.milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800)]
        for (index, longest) in longest.enumerated() {
            let wait = backoff.delay(afterFailures: index + 1, using: &generator)
            #expect(wait >= longest / 2 && wait <= longest)
        }
        let late = backoff.delay(afterFailures: 10_000, using: &generator)
        #expect(late >= .milliseconds(500) && late <= .seconds(1))
    }

    @Test("a read that fails twice succeeds at the third attempt")
    func throughTheAPI() async throws {
        let script = ScriptedTransport([
            .failure(Self.lost), .object("{}", code: 503), .object(Settings.json("b", version: "1")),
        ])
        let patient = RetryPolicy(total: .seconds(600), initial: .milliseconds(1))
        let found = try await KubernetesAPI(transport: script, retries: patient)
            .get(Settings.self, NamespacedName(namespace: "a", name: "b"))
        #expect(found?.metadata.resourceVersion == "1")
        #expect(script.requests.count == 3)
    }
}
