import AsyncHTTPClient
import Foundation
import NIOCore
import TestSupport
import Testing

/// A real controller with a real git server that requires a password. Afterwards the password must not be found anywhere.
@Suite("Credentials of a repository", .serialized, .enabled(if: GitServer.isPossible))
struct CredentialTests {
    static let canary = "canary-0f9a8b7c6d5e"

    /// The password in plain text, and in base64 at each of the three alignments.
    private static var traces: [String] {
        [canary]
            + ["", "a", "ab"].map {
                String(Data("\($0)\(canary)".utf8).base64EncodedString().dropFirst(4).dropLast(4))
            }
    }

    private func isClean(_ bytes: Data, _ place: String) {
        let text = String(decoding: bytes, as: UTF8.self)
        for trace in Self.traces { #expect(!text.contains(trace), "\(place) holds \(trace)") }
    }

    private func body(of url: URL) async throws -> Data {
        let answer = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: url.absoluteString), timeout: .seconds(5))
        return Data(buffer: try await answer.body.collect(upTo: 16 << 20))
    }

    private func seeAll(of installation: Installation) async throws {
        let files = FileManager.default.enumerator(atPath: installation.state.path(percentEncoded: false))
        for case let name as String in files ?? FileManager.DirectoryEnumerator() {
            isClean(Data(name.utf8), "a name")
            let file = installation.state.appending(path: name)
            let kind = try? FileManager.default.attributesOfItem(atPath: file.path)[.type] as? FileAttributeType
            guard kind == .typeRegular, let bytes = try? Data(contentsOf: file) else { continue }
            isClean(bytes, name)
        }
        isClean(Data(installation.controllerLog.utf8), "the log")
        for path in ["/metrics", "/api/v1/deployments", "/api/v1/events"] {
            guard let api = installation.api else { continue }
            isClean(try await body(of: api.appending(path: path)), path)
        }
    }

    @Test("are in no file, log, answer, metric, command line or environment, and the repository is still followed")
    func nowhere() async throws {
        let server = try withServer { folder in
            try GitServer(in: folder, repositories: folder.appending(path: "www"), logins: ["bot:\(Self.canary)"])
        }
        defer { server.value.stop() }
        // As git's own helper keeps it.
        let store = server.folder.appending(path: "git-credentials")
        try "https://bot:\(Self.canary)@127.0.0.1:\(server.value.port)\n".write(
            to: store, atomically: true, encoding: .utf8)
        try "[credential]\n\thelper = store --file \(store.path)\n".write(
            to: server.folder.appending(path: ".gitconfig"), atomically: true, encoding: .utf8)
        let environment = [
            "GIT_SSL_CAINFO": server.value.certificate, "no_proxy": "*", "HOME": server.folder.path,
        ]
        try await withInstallation(environment: environment) { installation in
            let www = server.folder.appending(path: "www")
            try FileManager.default.createDirectory(at: www, withIntermediateDirectories: true)
            let commit = try installation.commit(["model.yaml": installation.manifest("good-1")])
            try installation.git("clone", "--quiet", "--bare", ".", www.appending(path: "repo.git").path)
            let address = "https://127.0.0.1:\(server.value.port)/repo.git"
            let seen = try await ProcessSample().during {
                try await installation.start(address: address)
                try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
                _ = try await installation.client?.sync()
            }
            isClean(Data(seen.text.utf8), "a process")
            let controller = try #require(installation.controllerPid)
            for file in ["cmdline", "environ"] {
                isClean(FileManager.default.contents(atPath: "/proc/\(controller)/\(file)") ?? Data(), file)
            }
            let status = try #require(try await installation.client?.status())
            #expect(status.sources.first?.commit == commit)
            #expect(status.sources.first?.repo == "https://127.0.0.1:\(server.value.port)/repo.git")
            try await seeAll(of: installation)
            // Refused from now on: the error is shown in the status and in the logs.
            server.value.stop()
            _ = try? await installation.client?.sync()
            try await seeAll(of: installation)
            #expect(try server.value.requests().contains { $0.headers["Authorization"] != nil })
        }
    }

    private struct Served {
        var value: GitServer
        var folder: URL
    }

    private func withServer(_ make: (URL) throws -> GitServer) throws -> Served {
        let folder = FileManager.default.temporaryDirectory.appending(path: "server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return Served(value: try make(folder), folder: folder)
    }
}
