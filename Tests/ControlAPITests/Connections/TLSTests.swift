import AsyncHTTPClient
import ControlPorts
import Foundation
import NIOSSL
import Rollouts
import TestSupport
import Testing
import Transport

@testable import ControlAPI

@Suite("TLS", .enabled(if: TestCertificates.isAvailable, "openssl is not installed")) struct TLSTests {
    private let made: TestCertificates

    init() throws {
        made = try TestCertificates(
            in: FileManager.default.temporaryDirectory.appending(path: "mlctl-tls-\(UUID().uuidString)"))
        try made.issue("one")
        try made.issue("two")
    }

    private func material(_ name: String, clients: Bool = false) throws -> ServerCertificates.Material {
        .init(
            certificates: try made.bytes("\(name).pem"), key: try made.bytes("\(name).key"),
            clientAuthorities: clients ? try made.bytes("ca.pem") : nil)
    }

    @Test("the token is sent only to a server whose certificate the authority has signed")
    func verified() async throws {
        let certificates = try ServerCertificates(try material("one"))
        let trust = ClientTrust(authorities: try made.bytes("ca.pem"))
        let surface = ControlServerTests.surface()
        try await withServer(surface, tls: certificates) { url async throws in
            let asking = try ControlClient(server: url, token: Tokens.operator, trust: trust)
            #expect(try await asking.status() == Samples.status)
            _ = try await asking.act(OperatorCommand(.abort), on: Samples.key)
            let stranger = await #expect(throws: ControlClientError.self) {
                try await ControlClient(server: url, token: Tokens.operator).status()
            }
            #expect(
                stranger?.description.contains("--ca-file FILE or MLCTL_CA_FILE") == true,
                "\(stranger?.description ?? "")")
            let plain = try #require(URL(string: url.absoluteString.replacing("https", with: "http")))
            await #expect(throws: ControlClientError.self) { try await client(plain, Tokens.operator).status() }
        }
        #expect(surface.read { $0.commands }.map(\.actor) == ["ops"])
    }

    @Test("whoever is not let in, and who asks the wrong way, is told which option helps")
    func advice() async throws {
        let certificates = try ServerCertificates(try material("one", clients: true))
        let trust = ClientTrust(authorities: try made.bytes("ca.pem"))
        try await withServer(ControlServerTests.surface(), tls: certificates) { url async throws in
            let nobody = await #expect(throws: ControlClientError.self) {
                try await ControlClient(server: url, token: Tokens.operator, trust: trust).status()
            }
            #expect(nobody?.description.contains("--cert-file and --key-file") == true, "\(nobody?.description ?? "")")
        }
        try await withServer(ControlServerTests.surface()) { url async throws in
            let secure = try #require(URL(string: url.absoluteString.replacing("http:", with: "https:")))
            let wrong = await #expect(throws: ControlClientError.self) {
                try await ControlClient(server: secure, token: Tokens.operator).status()
            }
            #expect(wrong?.description.contains("does not speak TLS") == true, "\(wrong?.description ?? "")")
        }
    }

    @Test("a new certificate is used for new connections; open ones continue")
    func rotation() async throws {
        let certificates = try ServerCertificates(try material("one"))
        let trust = ClientTrust(authorities: try made.bytes("ca.pem"))
        let surface = ControlServerTests.surface()
        let next = try material("two")
        try await withServer(surface, tls: certificates, heartbeat: .milliseconds(20)) { url async throws in
            let asking = try ControlClient(server: url, token: Tokens.viewer, trust: trust)
            let reading = Task { () -> String? in
                for try await event in asking.eventStream() { return event.event.message }
                return nil
            }
            try await eventually { surface.readers == 1 }
            #expect(try Self.commonName(of: url, made) == "one")
            try certificates.replace(next)
            #expect(try Self.commonName(of: url, made) == "two")
            surface.append(.promoted, on: Samples.key, "still here")
            #expect(try await reading.value == "still here")
        }
    }

    @Test("a certificate and a key that do not match are refused, and the previous ones stay")
    func mismatch() throws {
        let certificates = try ServerCertificates(try material("one"))
        var mixed = try material("two")
        mixed.key = try made.bytes("one.key")
        #expect(throws: CertificateProblem.self) { try certificates.replace(mixed) }
        for broken in [[], Array("nonsense".utf8)] as [[UInt8]] {
            mixed = try material("two")
            mixed.key = broken
            let refused = #expect(throws: CertificateProblem.self) { try certificates.replace(mixed) }
            #expect(refused?.description.contains("key") == true)
            mixed.key = try made.bytes("two.key")
            mixed.certificates = broken
            #expect(throws: CertificateProblem.self) { try certificates.replace(mixed) }
        }
        #expect(try certificates.material == material("one"))
    }

    @Test("with a client authority only its clients are accepted, whatever token they have")
    func clientCertificates() async throws {
        let certificates = try ServerCertificates(try material("one", clients: true))
        let authorities = try made.bytes("ca.pem")
        let own = ClientTrust(
            authorities: authorities, certificates: try made.bytes("two.pem"), key: try made.bytes("two.key"))
        try await withServer(ControlServerTests.surface(), tls: certificates) { url async throws in
            #expect(
                try await ControlClient(server: url, token: Tokens.viewer, trust: own).status() == Samples.status)
            await #expect(throws: ControlClientError.self) {
                try await ControlClient(server: url, token: Tokens.viewer, trust: ClientTrust(authorities: authorities))
                    .status()
            }
        }
    }

    @Test("a standby forwards requests to a leader with the same certificate")
    func forwarding() async throws {
        let certificates = try ServerCertificates(try material("one"))
        let trust = ClientTrust(authorities: try made.bytes("ca.pem"))
        try await withServer(ControlServerTests.surface(), tls: certificates) { leader async throws in
            try await withServer(
                ScriptedSurface(), tls: certificates,
                standing: { .standsBy(leader: "a", api: leader.absoluteString, reason: "stands by") }
            ) { url async throws in
                let asking = try ControlClient(server: url, token: Tokens.viewer, trust: trust)
                #expect(try await asking.status() == Samples.status)
            }
        }
    }

    @Test("a standby does not talk to a leader with another certificate")
    func otherLeader() async throws {
        let certificates = try ServerCertificates(try material("one"))
        let other = try ServerCertificates(try material("two"))
        let trust = ClientTrust(authorities: try made.bytes("ca.pem"))
        try await withServer(ControlServerTests.surface(), tls: other) { leader async throws in
            try await withServer(
                ScriptedSurface(), tls: certificates,
                standing: { .standsBy(leader: "a", api: leader.absoluteString, reason: "stands by") }
            ) { url async throws in
                let asking = try ControlClient(server: url, token: Tokens.viewer, trust: trust)
                let refused = await #expect(throws: ControlError.self) { try await asking.status() }
                #expect(refused?.message.contains("another certificate") == true, "\(refused?.message ?? "")")
            }
        }
    }

    /// The certificate that a new connection gets.
    private static func commonName(of url: URL, _ made: TestCertificates) throws -> String {
        let shown = try ChildProcess.run([
            "sh", "-c",
            "openssl s_client -connect \(url.host() ?? ""):\(url.port ?? 0) -CAfile '\(made.path("ca.pem"))' </dev/null 2>/dev/null"
                + " | openssl x509 -noout -subject",
        ])
        return shown.split(separator: "=").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? ""
    }
}
