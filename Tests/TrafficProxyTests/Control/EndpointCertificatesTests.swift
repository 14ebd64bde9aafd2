import ModelManifests
import Serving
import TestSupport
import Foundation
import Testing

@testable import TrafficProxy

@Suite("Certificates of endpoints", .enabled(if: TestCertificates.isAvailable, "openssl is not installed"))
struct EndpointCertificatesTests {
    private static let deployment = DeploymentKey(name: "m")

    private struct Unreadable: Error {}

    private func route(_ tls: EndpointTLS?) -> ProxyRoute {
        var route = ProxyRoute(deployment: Self.deployment, port: 1)
        route.tls = tls
        return route
    }

    private func certificates() throws -> TestCertificates {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-\(UUID().uuidString)")
        let certificates = try TestCertificates(in: folder)
        try certificates.issue("one")
        try certificates.issue("two")
        return certificates
    }

    @Test("a changed certificate is used, and a file that cannot be used leaves the last one in use")
    func renewal() throws {
        let files = try certificates()
        defer { try? FileManager.default.removeItem(at: files.folder) }
        var content = ["/c": try files.bytes("one.pem"), "/k": try files.bytes("one.key")]
        func read(_ path: String, _: Bool) throws -> [UInt8] {
            guard let bytes = content[path] else { throw Unreadable() }
            return bytes
        }
        let routes = [route(EndpointTLS(certificateFile: "/c", keyFile: "/k"))]
        var kept = EndpointCertificates()
        let change1 = kept.follow(routes, read: read)
        #expect(change1)
        #expect(kept.securities[Self.deployment]?.problem == nil)
        let change2 = kept.follow(routes, read: read)
        #expect(!change2)

        // The certificate is replaced first, and its key a moment later.
        content["/c"] = try files.bytes("two.pem")
        let change3 = kept.follow(routes, read: read)
        #expect(change3)
        #expect(kept.problems[Self.deployment]?.contains("The last certificate stays in use.") == true)
        #expect(kept.securities[Self.deployment]?.problem == nil)
        let change4 = kept.follow(routes, read: read)
        #expect(!change4)
        content["/k"] = try files.bytes("two.key")
        let change5 = kept.follow(routes, read: read)
        #expect(change5)
        #expect(kept.problems.isEmpty)

        content["/k"] = nil
        let change6 = kept.follow(routes, read: read)
        #expect(change6)
        #expect(kept.problems[Self.deployment] != nil && kept.securities[Self.deployment]?.problem == nil)
    }

    @Test("without any certificate the endpoint accepts nothing")
    func none() {
        var kept = EndpointCertificates()
        let routes = [route(EndpointTLS(certificateFile: "/c", keyFile: "/k"))]
        let change7 = kept.follow(routes) { _, _ in throw Unreadable() }
        #expect(change7)
        #expect(kept.securities[Self.deployment]?.problem?.hasPrefix("endpoint.tls: ") == true)
        #expect(kept.problems.isEmpty)
        let change8 = kept.follow([route(nil)]) { _, _ in throw Unreadable() }
        #expect(change8)
        #expect(kept.securities.isEmpty)
    }

    @Test("where the files of a new setting cannot be used, the setting before stays as a whole, at its address")
    func held() throws {
        let files = try certificates()
        defer { try? FileManager.default.removeItem(at: files.folder) }
        var content = ["/c": try files.bytes("one.pem"), "/k": try files.bytes("one.key")]
        func read(_ path: String, _: Bool) throws -> [UInt8] {
            guard let bytes = content[path] else { throw TLSFile.Problem(description: "\(path) cannot be opened") }
            return bytes
        }
        let key = Self.deployment
        let clear = route(nil)
        var bad = route(EndpointTLS(certificateFile: "/no", keyFile: "/k"))
        bad.address = "0.0.0.0"
        var kept = EndpointCertificates()
        _ = kept.follow([clear], read: read)
        let change1 = kept.follow([bad], read: read)
        #expect(change1)
        guard case .clear = kept.securities[key] else { throw Unreadable() }
        #expect(kept.problems[key]?.contains("/no cannot be opened. Until somebody corrects that") == true)
        #expect(kept.problems[key]?.contains("without TLS as before, at the same address") == true)
        // Nobody else gets at a port without TLS.
        #expect(kept.heldAddresses[key] == .some(nil))
        let change2 = kept.follow([bad], read: read)
        #expect(!change2)
        content["/no"] = content["/c"]
        let change3 = kept.follow([bad], read: read)
        #expect(change3)
        guard case .tls = kept.securities[key] else { throw Unreadable() }
        #expect(kept.problems.isEmpty && kept.heldAddresses.isEmpty)

        // From TLS on, nothing opens the endpoint to clients without it.
        var strict = bad
        strict.tls?.clientCAFile = "/ca"
        let change4 = kept.follow([strict], read: read)
        #expect(change4)
        guard case .tls = kept.securities[key] else { throw Unreadable() }
        #expect(kept.problems[key]?.contains("keeps its TLS setting as before") == true)
        content["/ca"] = try files.bytes("ca.pem")
        _ = kept.follow([strict], read: read)
        #expect(kept.problems.isEmpty)
        _ = kept.follow([route(EndpointTLS(certificateFile: "/nope", keyFile: "/k"))], read: read)
        guard case .tls = kept.securities[key] else { throw Unreadable() }
        #expect(kept.heldAddresses[key] == .some("0.0.0.0"))
    }

    @Test("at another port, files that cannot be used keep nothing: its clients may count on TLS")
    func otherPort() {
        var kept = EndpointCertificates()
        _ = kept.follow([route(nil)]) { _, _ in throw Unreadable() }
        var bad = route(EndpointTLS(certificateFile: "/c", keyFile: "/k"))
        bad.port = 2
        _ = kept.follow([bad]) { _, _ in throw Unreadable() }
        #expect(kept.securities[Self.deployment]?.problem?.contains("Correct that") == true)
        bad.port = 1
        _ = kept.follow([bad]) { _, _ in throw Unreadable() }
        #expect(kept.securities[Self.deployment]?.problem != nil)
    }

    @Test("a secret in a file is not in a message")
    func noSecret() throws {
        var kept = EndpointCertificates()
        _ = kept.follow([route(EndpointTLS(certificateFile: "/c", keyFile: "/k"))]) { path, _ in
            Array((path == "/k" ? "-----BEGIN PRIVATE KEY-----\nhunter2" : "hunter2").utf8)
        }
        #expect(kept.securities[Self.deployment]?.problem?.contains("hunter2") == false)
    }
}
