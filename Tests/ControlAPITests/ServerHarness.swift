import ControlPorts
import Foundation
import Logging
import Testing

@testable import ControlAPI

/// Tokens that the servers of these tests accept.
enum Tokens {
    static let admin = "admin-token-7c1e9f04b8d25a63"
    static let `operator` = "operator-token-7c1e9f04b8d25a63"
    static let viewer = "viewer-token-7c1e9f04b8d25a63"
    static let metrics = "metrics-token-7c1e9f04b8d25a63"
    /// Limited to the namespace `payments`.
    static let limited = "limited-token-7c1e9f04b8d25a63"

    static let callers: [(Caller, String)] = [
        (Caller(name: "root-of-all", role: .admin), admin), (Caller(name: "ops", role: .operator), `operator`),
        (Caller(name: "board", role: .viewer), viewer), (Caller(name: "prometheus", role: .metrics), metrics),
        (
            Caller(name: "payments-ci", role: .operator, scope: AccessScope(namespaces: ["payments", "pay-*"])),
            limited
        ),
    ]

    static func keys(isShared: Bool = true, but left: Set<String> = []) -> AccessKeys {
        AccessKeys(
            callers.filter { !left.contains($0.0.name) }.compactMap {
                try? AccessKey($0.0, secret: $0.1, isShared: isShared)
            })
    }
}

/// Runs the real server on a free port while `body` runs.
func withServer<Value: Sendable>(
    _ surface: ScriptedSurface, register: TokenRegistry = TokenRegistry(Tokens.keys()), port: Int = 0,
    tls: ServerCertificates? = nil, socket: String? = nil, probes: ListenAddress? = nil,
    heartbeat: Duration = .seconds(15), times: ConnectionTimes? = nil,
    whoHolds: @escaping @Sendable (ListenAddress) -> ControlServer.Holder? = { _ in nil }, hooks: [HookRule] = [],
    standing: @escaping @Sendable () async -> LeadershipStatus = { .leads },
    _ body: @escaping @Sendable (URL) async throws -> Value
) async throws -> Value {
    let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = try ControlServer(
        surface: surface,
        listeners: ControlServer.Listeners(
            api: ListenAddress(host: "127.0.0.1", port: port), tls: tls, socket: socket, probes: probes),
        register: register, logger: logger, heartbeat: heartbeat, times: times,
        onListening: { continuation.yield($0) }, whoHolds: whoHolds, hooks: hooks, standing: standing)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask {
            defer { continuation.finish() }
            try await server.run()
            return nil
        }
        group.addTask {
            guard let address = await addresses.first(where: { _ in true }) else { return nil }
            return try await body(try #require(URL(string: "\(tls == nil ? "http" : "https")://\(address)")))
        }
        defer { group.cancelAll() }
        while let finished = try await group.next() {
            if let value = finished { return value }
        }
        throw CancellationError()
    }
}

func client(_ url: URL, _ token: String? = Tokens.admin) throws -> ControlClient {
    try ControlClient(server: url, token: token)
}

/// Waits until `condition` holds; polls every few milliseconds.
func eventually(_ condition: @Sendable () -> Bool) async throws {
    for _ in 0..<2000 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("the condition did not come true within ten seconds")
}
