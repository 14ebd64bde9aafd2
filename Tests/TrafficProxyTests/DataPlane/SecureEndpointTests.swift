import Foundation
import ModelManifests
import NIOSSL
import Serving
import TestSupport
import Testing
import Transport

@testable import TrafficProxy

@Suite(
    "Endpoints with TLS", .enabled(if: TestCertificates.isAvailable && Curl.speaksHTTP2, "openssl or curl is missing"))
struct SecureEndpointTests {
    private func withCertificates(_ body: (TestCertificates) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let certificates = try TestCertificates(in: folder)
        try certificates.issue("one")
        try await body(certificates)
    }

    private func security(
        _ files: TestCertificates, _ name: String = "one", clients: Bool = false, minimum: TLSVersion = .tlsv12
    ) throws -> EndpointSecurity {
        let certificate = ServerCertificate(
            certificates: try files.bytes("\(name).pem"), key: try files.bytes("\(name).key"),
            clientAuthorities: clients ? try files.bytes("ca.pem") : nil)
        return .tls(try certificate.context(minimumVersion: minimum, protocols: ["h2", "http/1.1"]))
    }

    @Test("clients choose HTTP/2 or HTTP/1.1, and a client without TLS gets nothing")
    func versions() async throws {
        try await withCertificates { files in
            try await PlaneHarness.run { harness in
                let server = try await ScriptedUpstream(.echo)
                let end = try await harness.routeSecurely(server.port, security(files))
                #expect(end.listening)
                let url = "https://127.0.0.1:\(end.port)/"
                for (option, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
                    let answer = try await Curl.get(option, "--cacert", files.path("ca.pem"), "--data", "hello", url)
                    #expect(answer.exit == 0 && answer.version == version && answer.body == "hello")
                }
                #expect(try await Curl.get("http://127.0.0.1:\(end.port)/").exit != 0)
                #expect(try await server.requests() == 2)
            }
        }
    }

    @Test("a client without a certificate of the authorities is refused")
    func clientCertificates() async throws {
        try await withCertificates { files in
            try files.issue("client")
            try await PlaneHarness.run { harness in
                let server = try await ScriptedUpstream(.status(200))
                let end = try await harness.routeSecurely(server.port, security(files, clients: true))
                let url = "https://127.0.0.1:\(end.port)/"
                let ca = ["--cacert", files.path("ca.pem")]
                #expect(try await Curl.get(ca[0], ca[1], url).exit != 0)
                let answer = try await Curl.get(
                    ca[0], ca[1], "--cert", files.path("client.pem"), "--key", files.path("client.key"), url)
                #expect(answer.exit == 0 && answer.status == 200)
                #expect(try await server.requests() == 1)
            }
        }
    }

    @Test("an older version of TLS than permitted is refused")
    func minimumVersion() async throws {
        try await withCertificates { files in
            try await PlaneHarness.run { harness in
                let server = try await ScriptedUpstream(.status(200))
                let end = try await harness.routeSecurely(server.port, security(files, minimum: .tlsv13))
                let url = "https://127.0.0.1:\(end.port)/"
                #expect(try await Curl.get("--cacert", files.path("ca.pem"), "--tls-max", "1.2", url).exit != 0)
                #expect(try await Curl.get("--cacert", files.path("ca.pem"), url).status == 200)
            }
        }
    }

    @Test("new connections get a new certificate, and an open one is not cut")
    func renewal() async throws {
        try await withCertificates { files in
            try files.issue("two")
            try await PlaneHarness.run { harness in
                let server = try await ScriptedUpstream(.held)
                let end = try await harness.routeSecurely(server.port, security(files))
                let url = "https://127.0.0.1:\(end.port)/"
                async let open = Curl.get("--cacert", files.path("ca.pem"), url)
                #expect(try await harness.instance("a-0", inFlight: 1).inFlight == 1)
                harness.handle.renewCertificates([PlaneHarness.deployment: try security(files, "two")], problems: [:])
                try await harness.handle.answers().get()
                try await server.answerHeld()
                #expect(try await open.body == "late")
                try await server.behave(.status(200))
                let names = try await Curl.get("--verbose", "--stderr", "-", "--cacert", files.path("ca.pem"), url)
                #expect(names.head.contains("cn=two"))
            }
        }
    }

    @Test("without a usable certificate the endpoint is closed, and the report says why")
    func unusable() async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(.status(200))
            let end = try await harness.routeSecurely(server.port, .unusable("endpoint.tls: no key"))
            #expect(!end.listening && end.certificateProblem == "endpoint.tls: no key")
            #expect(try await Curl.get("http://127.0.0.1:\(end.port)/").exit != 0)
            #expect(try await server.requests() == 0)
        }
    }

    @Test("an endpoint whose new files cannot be used stays at its address, without TLS as before")
    func held() async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(.status(200))
            let port = try await harness.routeSecurely(server.port, nil).port
            let held = try await harness.routeSecurely(
                server.port, .clear, problem: "no key", address: "127.0.0.2", heldAddress: .some(nil), generation: 2)
            #expect(held.listening && held.problems == ["no key"] && held.port == port)
            #expect(try await Curl.get("http://127.0.0.1:\(port)/").status == 200)
        }
    }

    @Test("a problem with new files is in the report while the last certificate serves")
    func problem() async throws {
        try await withCertificates { files in
            try await PlaneHarness.run { harness in
                let server = try await ScriptedUpstream(.status(200))
                let end = try await harness.routeSecurely(server.port, security(files), problem: "no key")
                #expect(end.listening && end.problems == ["no key"])
            }
        }
    }

    @Test("connections without TLS end when TLS is asked for")
    func switching() async throws {
        try await withCertificates { files in
            try await PlaneHarness.run { harness in
                let server = try await ScriptedUpstream(.held)
                let end = try await harness.routeSecurely(server.port, nil)
                let (busy, idle) = (try RawClient(port: end.port), try RawClient(port: end.port))
                try await busy.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                #expect(try await harness.instance("a-0", inFlight: 1).inFlight == 1)
                try await harness.routeSecurely(server.port, security(files), port: 0, generation: 2)
                #expect(try await idle.readToEnd().isEmpty)
                try await server.answerHeld()
                let answer = try await busy.answer()
                #expect(answer.body == "late" && answer.field("connection") == "close")
            }
        }
    }

    @Test("grpcio calls by TLS", .enabled(if: GRPCPython.isAvailable, "\(GRPCPython.absence)"))
    func calls() async throws {
        try await withCertificates { files in
            try await PlaneHarness.run { harness in
                let server = try GRPCPython.Server("v1")
                var route = ProxyRoute(
                    deployment: PlaneHarness.deployment, port: 0,
                    revisions: [
                        RevisionRoute(
                            revision: Revision(rawValue: "a"), weight: 100,
                            upstreams: [Upstream(instance: "a-0", port: server.port, rpcPort: server.port)])
                    ])
                route.tls = EndpointTLS(certificateFile: "/c", keyFile: "/k")
                var material = RouteMaterial()
                material.securities[PlaneHarness.deployment] = try security(files)
                let report = try await harness.handle.apply(
                    AcceptedRoutes(routes: ProxyRoutes(generation: 1, routes: [route])), with: material
                ).get()
                let port = report.endpoints.first?.port ?? 0
                let answer = try await GRPCPython.call(
                    "127.0.0.1:\(port)", "Predict", "x", environment: ["CA": files.path("ca.pem")],
                    as: GRPCPython.Answer.self)
                #expect(answer.status == "OK" && answer.answer == "v1:x")
            }
        }
    }
}
