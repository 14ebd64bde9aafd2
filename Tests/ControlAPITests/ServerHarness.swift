import ControlAPI
import Controller
import Foundation
import Logging
import Testing

/// The real server on a free port, for as long as `body` runs.
func withServer<Value: Sendable>(
    _ surface: ScriptedSurface, token: String? = nil, port: Int = 0, heartbeat: Duration = .seconds(15),
    standing: @escaping @Sendable () async -> LeaderStanding = { .leads },
    _ body: @escaping @Sendable (URL) async throws -> Value
) async throws -> Value {
    let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = try ControlServer(
        surface: surface, listen: ListenAddress(host: "127.0.0.1", port: port), token: token, logger: logger,
        heartbeat: heartbeat, onListening: { continuation.yield($0) }, standing: standing)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            defer { continuation.finish() }
            try await server.run()
            return nil
        }
        group.addTask {
            guard let address = await addresses.first(where: { _ in true }) else { return nil }
            return try await body(try #require(URL(string: "http://\(address)")))
        }
        defer { group.cancelAll() }
        while let finished = try await group.next() {
            if let value = finished { return value }
        }
        throw CancellationError()
    }
}

/// Waits until `condition` holds, looking every few milliseconds.
func eventually(_ condition: @Sendable () -> Bool) async throws {
    for _ in 0..<2000 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("the condition did not come true within ten seconds")
}
