import AsyncHTTPClient
import Foundation
import NIOCore
import Synchronization
import Transport

/// Simulates users: a steady load on an endpoint, with a tally of the results. Nothing is retried.
package final class SteadyLoad: Sendable {
    package struct Tally: Sendable {
        package var requests = 0
        /// Answers with status 400 or above.
        package var errors = 0
        /// Requests without a complete answer: refused, reset or timed out.
        package var broken = 0
        package var firstAt: Date?
        package var firstErrorAt: Date?
        package var lastAt: Date?

        package var failures: Int { errors + broken }
    }

    private let tallies = Mutex<[String: Tally]>([:])
    private let failures = Mutex<[String]>([])
    private let ratePerSecond: Int
    private let workers: Int

    package init(ratePerSecond: Int, workers: Int = 8) {
        self.ratePerSecond = ratePerSecond
        self.workers = workers
    }

    /// Tallies by revision. Requests that no revision answered are under `-`.
    package var byRevision: [String: Tally] { tallies.withLock { $0 } }
    package var total: Int { byRevision.values.map(\.requests).reduce(0, +) }
    package var broken: Int { byRevision.values.map(\.broken).reduce(0, +) }
    package var errors: Int { byRevision.values.map(\.errors).reduce(0, +) }
    /// Why requests broke; the first ten reasons.
    package var reasons: [String] { failures.withLock { $0 } }

    /// Runs until it is cancelled. Requests under way at that moment are not counted.
    package func run(against endpoint: String, path: String = "/predict", bodies: [String] = ["{}"]) async throws {
        let client = HTTPClient.careful()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<workers {
                group.addTask { await self.work(worker, client, endpoint + path, bodies) }
            }
        }
        try await client.shutdown()
    }

    private func work(_ worker: Int, _ client: HTTPClient, _ url: String, _ bodies: [String]) async {
        let gap = Duration.seconds(Double(workers) / Double(ratePerSecond))
        // The workers start one after the other: requests that come all at once would be seen in a single observation only.
        var next = ContinuousClock.now + gap * worker / workers
        var number = worker
        try? await ContinuousClock().sleep(until: next)  // Ends early only when cancelled.
        while !Task.isCancelled {
            await send(client, url, ByteBuffer(string: bodies[number % bodies.count]))
            number += workers
            next = max(next + gap, .now - gap)
            try? await ContinuousClock().sleep(until: next)  // Ends early only when cancelled.
        }
    }

    private func send(_ client: HTTPClient, _ url: String, _ body: ByteBuffer) async {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(body)
        do {
            let response = try await client.execute(request, timeout: .seconds(30))
            _ = try await response.body.collect(upTo: 1 << 20)
            note(response.headers.first(name: "x-mlctl-revision") ?? "-") { tally, now in
                if response.status.code >= 400 {
                    tally.errors += 1
                    tally.firstErrorAt = tally.firstErrorAt ?? now
                }
            }
        } catch {
            guard !Task.isCancelled else { return }
            failures.withLock { if $0.count < 10 { $0.append("\(error)") } }
            note("-") { tally, _ in tally.broken += 1 }
        }
    }

    private func note(_ revision: String, _ change: (inout Tally, Date) -> Void) {
        let now = Date()
        tallies.withLock { tallies in
            var tally = tallies[revision] ?? Tally()
            tally.requests += 1
            tally.firstAt = tally.firstAt ?? now
            tally.lastAt = now
            change(&tally, now)
            tallies[revision] = tally
        }
    }
}
