import Analysis
import Foundation
import TestSupport
import Testing

@testable import MetricSources

@Suite(
    "A source's certificates", .timeLimit(.minutes(10)),
    .enabled(if: (try? ChildProcess.run(["which", "openssl"])) != nil))
struct CertificateTests {
    /// An authority, and one of its certificates, which both ends use.
    private final class Authority {
        let folder = FileManager.default.temporaryDirectory.appending(path: "certificates-\(UUID().uuidString)")

        init() throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try ChildProcess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority"]
                    + ["-keyout", file("ca-key"), "-out", file("ca")])
            try ChildProcess.run(
                ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", file("key")]
                    + ["-out", file("request")])
            try Data("subjectAltName=IP:127.0.0.1\n".utf8).write(to: folder.appending(path: "names"))
            try ChildProcess.run(
                ["openssl", "x509", "-req", "-in", file("request"), "-CA", file("ca"), "-CAkey", file("ca-key")]
                    + ["-CAcreateserial", "-days", "2", "-extfile", file("names"), "-out", file("certificate")])
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func file(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }
    }

    @Test("verify an encrypted source, and authenticate mlctl to it")
    func mutual() async throws {
        let authority = try Authority()
        let server = try StandIn(
            tls: (authority.file("certificate"), authority.file("key"), clients: authority.file("ca")))
        func measure(_ fields: String) async throws -> Measured {
            let json = #"{"name":"p","kind":"prometheus","url":"\#(server.base)/one"\#(fields)}"#
            guard case .prometheus(let settings) = try Fixtures.settings(json).kind else { throw CancellationError() }
            return await PrometheusSource(settings, logger: Fixtures.quiet).measure("up")
        }
        let client =
            #","clientCertificateFile":"\#(authority.file("certificate"))","clientKeyFile":"\#(authority.file("key"))""#
        let ca = #","caFile":"\#(authority.file("ca"))""#
        #expect(try await measure(client + ca) == .value(1))
        #expect(try await measure(client + #","insecureSkipTLSVerify":true"#) == .value(1))
        guard case .error(let unknown) = try await measure(client) else {
            Issue.record("an unknown authority was believed")
            return
        }
        #expect(unknown.contains("check caFile"))
        guard case .error = try await measure(ca) else {
            Issue.record("a client without a certificate was let in")
            return
        }
    }

    @Test("that cannot be read, or are invalid, give an error that names the file")
    func unreadable() throws {
        let file = try TemporaryFile("hello")
        let missing = SourceCertificates(SourceAccess(caFile: "/nowhere/ca.pem"))
        #expect(throws: SourceError.self) { try missing.tlsConfiguration() }
        let garbage = SourceCertificates(SourceAccess(caFile: file.path))
        #expect(throws: SourceError(.missingSecret, "\(file.path) does not contain a certificate in PEM format")) {
            try garbage.tlsConfiguration()
        }
    }

    @Test("are parsed again when their files have changed")
    func rotation() throws {
        let authority = try Authority()
        let file = try TemporaryFile(String(contentsOfFile: authority.file("ca"), encoding: .utf8))
        let certificates = SourceCertificates(SourceAccess(caFile: file.path))
        let first = try certificates.tlsConfiguration()
        #expect(try certificates.tlsConfiguration().bestEffortEquals(first))
        try file.write(String(contentsOfFile: authority.file("certificate"), encoding: .utf8))
        let isSame = try certificates.tlsConfiguration().bestEffortEquals(first)
        #expect(!isSame)
    }
}
