import AsyncHTTPClient
import Foundation
import NIOCore
import Synchronization
import Transport

/// Users: a steady load on an endpoint, and what became of each request. Nothing is tried twice.
package final class SteadyLoad: Sendable {
    package struct Tally: Sendable {
        package var requests = 0
        /// Answers of 400 and above.
        package var errors = 0
        /// No whole answer: refused, reset, timed out.
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

    /// By revision; what no revision answered is under `-`.
    package var byRevision: [String: Tally] { tallies.withLock { $0 } }
    package var total: Int { byRevision.values.map(\.requests).reduce(0, +) }
    package var broken: Int { byRevision.values.map(\.broken).reduce(0, +) }
    package var errors: Int { byRevision.values.map(\.errors).reduce(0, +) }
    /// Why requests broke, the first few.
    package var reasons: [String] { failures.withLock { $0 } }

    /// Until cancelled. A request that is under way then is not counted.
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
        // One after the other: what comes all at once is seen by no observation but one.
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
