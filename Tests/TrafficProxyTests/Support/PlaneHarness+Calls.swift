import Foundation
import ModelManifests
import Serving
import TestSupport

@testable import TrafficProxy

extension PlaneHarness {
    /// Routes with instances that speak HTTP/2. Each revision is `name: (weight, port for calls, port for HTTP/1.1)`; without a
    /// port for HTTP/1.1 everything goes to the first one.
    @discardableResult
    func routeCalls(
        _ revisions: KeyValuePairs<String, (Int, Int, Int?)>, routing: Routing = .random,
        timeout: Duration = .seconds(30), drain: Duration? = nil, streamDrain: Duration = .seconds(600),
        concurrency: ConcurrencyLimit? = nil, generation: Int = 1
    ) async throws -> Int {
        let route = ProxyRoute(
            deployment: Self.deployment, port: 0, routing: routing, requestTimeout: timeout, drainTimeout: drain,
            streamTimeout: streamDrain,
            revisions: revisions.map { name, value in
                RevisionRoute(
                    revision: Revision(rawValue: name), weight: value.0,
                    upstreams: [Upstream(instance: "\(name)-0", port: value.2 ?? value.1, rpcPort: value.1)])
            }, concurrency: concurrency)
        let report = try await handle.apply(ProxyRoutes(generation: generation, routes: [route])).get()
        guard let endpoint = report.endpoints.first, endpoint.listening else {
            throw ClientError(description: "not listening: \(report.endpoints)")
        }
        return endpoint.port
    }

    /// Routes one endpoint with TLS to one instance.
    @discardableResult
    func routeSecurely(
        _ upstream: Int, _ security: EndpointSecurity?, problem: String? = nil, address: String? = nil,
        heldAddress: String?? = nil, port: Int = 0, generation: Int = 1
    ) async throws -> EndpointReport {
        var route = ProxyRoute(
            deployment: Self.deployment, port: port,
            revisions: [
                RevisionRoute(
                    revision: Revision(rawValue: "a"), weight: 100,
                    upstreams: [Upstream(instance: "a-0", port: upstream, rpcPort: nil)])
            ])
        var material = RouteMaterial()
        if let security {
            route.tls = EndpointTLS(certificateFile: "/c", keyFile: "/k")
            material.securities[Self.deployment] = security
        }
        route.address = address
        if let heldAddress { material.heldAddresses = [Self.deployment: heldAddress] }
        material.certificateProblems[Self.deployment] = problem
        let routes = AcceptedRoutes(routes: ProxyRoutes(generation: generation, routes: [route]))
        guard let endpoint = try await handle.apply(routes, with: material).get().endpoints.first else {
            throw ClientError(description: "no endpoint")
        }
        return endpoint
    }
}

/// curl, which nobody here wrote. Says what came back, or why nothing did.
enum Curl {
    struct Answer: Sendable {
        var status: Int
        /// `2` for HTTP/2.
        var version: String
        /// The head's lines, in lower case.
        var head: String
        var body: String
        /// 0 if all went well.
        var exit: Int32
    }

    static let speaksHTTP2 = ((try? ChildProcess.run(["curl", "--version"])) ?? "").contains("HTTP2")

    static func get(_ arguments: String...) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try run(arguments) }) }
        }
    }

    private static func run(_ arguments: [String]) throws -> Answer {
        let script =
            #"curl --silent --max-time 20 --dump-header - --write-out '\n%{http_version} %{http_code}' "$@"; echo " $?""#
        let output = try ChildProcess.run(["sh", "-c", script, "sh"] + arguments)
        let lines = output.components(separatedBy: "\n")
        let words = (lines.last ?? "").split(separator: " ").map(String.init)
        guard words.count == 3 else { throw ClientError(description: "curl said: \(output)") }
        let text = lines.dropLast().joined(separator: "\n").replacing("\r\n", with: "\n")
        let parts = text.components(separatedBy: "\n\n")
        return Answer(
            status: Int(words[1]) ?? 0, version: words[0], head: (parts.first ?? "").lowercased(),
            body: parts.dropFirst().joined(separator: "\n\n"), exit: Int32(words[2]) ?? -1)
    }
}
