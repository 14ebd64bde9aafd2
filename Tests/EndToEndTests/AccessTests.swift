import AsyncHTTPClient
import ControlPorts
import Foundation
import Glibc
import Rollouts
import TestSupport
import Testing

/// Attacks by users without rights against the real program.
@Suite("Users without rights", .serialized)
struct AccessTests {
    private func status(
        _ url: URL?, _ path: String, method: HTTPMethodName = .get, token: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> UInt {
        var request = HTTPClientRequest(url: (url?.absoluteString ?? "") + path)
        request.method = method == .get ? .GET : .POST
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        _ = try await answer.body.collect(upTo: 1 << 20)
        return answer.status.code
    }

    private enum HTTPMethodName { case get, post }

    private func write(_ text: String, to file: URL, mode: Int = 0o600) throws {
        try text.write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: mode], ofItemAtPath: file.path(percentEncoded: false))
    }

    private func path(_ url: URL) -> String { url.path(percentEncoded: false) }

    @Test("get only the answers of the probes; the user's own commands need no token")
    func strangers() async throws {
        try await withInstallation { installation in
            try installation.commit([:])
            try await installation.start()
            let api = installation.api
            let reads = [
                "/", "/metrics", "/api/v1/deployments", "/api/v1/events", "/api/v1/targets",
                "/api/v1/deployments/a/b/logs", "/api/v1/deployments/a/b/logs/", "//api/v1/deployments",
                "/api/v1/ancestor?commit=a&of=b", "/healthz/../metrics", "/nowhere",
            ]
            for read in reads {
                #expect(try await status(api, read) == 401, "\(read)")
                #expect(try await status(api, read, token: "x") == 401, "\(read)")
            }
            for write in ["/api/v1/sync", "/api/v1/outcomes", "/api/v1/deployments/a/b/promote", "/healthz"] {
                #expect(try await status(api, write, method: .post) == 401, "\(write)")
            }
            for probe in ["/healthz", "/readyz", "/leadz"] { #expect(try await status(api, probe) == 200) }
            #expect(try await status(api, "/api/v1/hooks/git", method: .post) == 202)
            let foreign = [("origin", "http://evil.example")]
            #expect(try await status(api, "/api/v1/hooks/git", method: .post, headers: foreign) == 403)
            #expect(try await status(api, "/api/v1/deployments", token: installation.token) == 200)

            #expect(try installation.mlctl("status").status == 0)
            #expect(try installation.mlctl("sync", "--state-dir", path(installation.state)).status == 0)
            let mode = try FileManager.default.attributesOfItem(
                atPath: path(installation.state.appending(path: "token")))
            #expect(mode[.posixPermissions] as? Int == 0o600)
            #expect(!installation.controllerLog.contains(installation.token ?? ""))
            let wrong = try installation.run(["status"], adding: ["MLCTL_TOKEN": "wrong-token-7c1e9f04b8d25a63"])
            #expect(wrong.status == 1 && wrong.error.contains("MLCTL_TOKEN"), "\(wrong.error)")
        }
    }

    @Test(
        "a program that takes the controller's port gets no token; the controller runs beside it, and gets its port back"
    )
    func takenPort() async throws {
        try await withInstallation { installation in
            try installation.commit([:])
            try await installation.start()
            let api = try #require(installation.api)
            let port = try #require(api.port)
            let token = try #require(installation.token)
            installation.killController()
            try await RogueListener.run(port: port) { rogue in
                for answer in RogueListener.answers {
                    rogue.answer = answer
                    for registered in [true, false] {
                        if !registered { Self.forget(port) }
                        for command in [["status"], ["sync"], ["events"], ["promote", "a/b"], ["events", "-w"]] {
                            let output = try installation.run(
                                command + ["--server", api.absoluteString],
                                adding: ["MLCTL_TOKEN": token])
                            #expect(output.status == 5 || output.status == 1, "\(command) \(output)")
                        }
                    }
                }
                #expect(rogue.connections > 0, "the rogue was never asked: this shows nothing")
                #expect(!rogue.received.contains(token) && !rogue.received.lowercased().contains("bearer"))

                rogue.answer = RogueListener.answers[0]
                try await installation.start(["--listen", "127.0.0.1:\(port)"])
                let sync = try installation.mlctl("sync", "--state-dir", path(installation.state))
                #expect(sync.status == 0, "\(sync.error)")
                #expect(try installation.mlctl("status").status == 0)
                #expect(installation.controllerLog.contains("waiting until it is free"))
                #expect(!rogue.received.contains(token))
            }
            try await installation.until("the API has its port back") {
                (try? await self.status(api, "/metrics", token: token)) == 200
            }
        }
    }

    private static func forget(_ port: Int) {
        for root in ["/run/user/\(getuid())", "/dev/shm", "/tmp"] {
            unlink("\(root)/mlctl-\(getuid())/controller-\(port).json")
        }
    }

    @Test("a second controller on a used port gets the name of the first one, and ends")
    func secondController() async throws {
        try await withInstallation { installation in
            try installation.commit([:])
            try await installation.start()
            let port = try #require(installation.api?.port)
            let second = try installation.mlctl(
                "run", "--repo", path(installation.repo), "--state-dir",
                path(installation.folder.appending(path: "other")),
                "--listen", "127.0.0.1:\(port)")
            #expect(second.status != 0 && second.error.contains("another controller"), "\(second.error)")
            // The first one can still be found by its address.
            #expect(try installation.mlctl("status").status == 0)
        }
    }

    @Test("roles and namespaces are enforced, the audit trail names the caller, and a token ends with its file")
    func roles() async throws {
        try await withInstallation { installation in
            let tokens = ["ci": "operator", "board": "viewer", "other": "operator", "scraper": "metrics"]
            for name in tokens.keys {
                try write("\(name)-token-7c1e9f04b8d25a63\n", to: installation.folder.appending(path: name))
            }
            let lines = tokens.sorted { $0.key < $1.key }.map { name, role in
                let scope = name == "other" ? ", namespaces: [elsewhere]" : ""
                return
                    "- {name: \(name), file: \"\(path(installation.folder.appending(path: name)))\", role: \(role)\(scope)}"
            }
            let settings = installation.folder.appending(path: "mlctl.yaml")
            try write("tokens:\n" + lines.joined(separator: "\n") + "\n", to: settings)
            try installation.commit(["model.yaml": installation.manifest("good-1")])
            try await installation.start(["--config", path(settings)])
            try await installation.wait("model", for: "it serves") { $0.phase == .healthy }

            func run(_ name: String, _ arguments: String...) throws -> Installation.Output {
                try installation.run(arguments, adding: ["MLCTL_TOKEN": "\(name)-token-7c1e9f04b8d25a63"])
            }
            let refused = try run("board", "suspend", "test/model")
            #expect(refused.status == 1 && refused.error.contains("the role operator is needed"), "\(refused.error)")
            #expect(try run("board", "logs", "test/model").status == 1)
            #expect(try run("board", "status").output.contains("model"))
            #expect(try run("ci", "sync").error.contains("the role admin is needed"))
            let hidden = try run("other", "suspend", "test/model")
            #expect(hidden.status == 1 && hidden.error.contains("there is no deployment"), "\(hidden.error)")
            #expect(try run("other", "status").output.contains("model") == false)
            #expect(try run("other", "events").output.contains("model") == false)
            #expect(try run("scraper", "status").status == 1)
            #expect(try await status(installation.api, "/metrics", token: "scraper-token-7c1e9f04b8d25a63") == 200)
            #expect(try await status(installation.api, "/metrics", token: "other-token-7c1e9f04b8d25a63") == 403)

            #expect(try run("ci", "suspend", "test/model").status == 0)
            let events = try await #require(installation.client).events()
            let suspended = try #require(events.first { $0.event.kind == .suspended }?.event)
            #expect(suspended.actor == "ci" && suspended.claimedActor == NSUserName(), "\(suspended)")
            let shown = try installation.mlctl("events", "test/model")
            #expect(shown.output.contains("(ci, claims to be '\(NSUserName())')"), "\(shown.output)")

            try FileManager.default.removeItem(at: installation.folder.appending(path: "ci"))
            try await installation.until("the token is no longer valid") {
                (try? await self.status(installation.api, "/api/v1/deployments", token: "ci-token-7c1e9f04b8d25a63"))
                    == 401
            }
            #expect(
                try await status(installation.api, "/api/v1/deployments", token: "board-token-7c1e9f04b8d25a63") == 200)
        }
    }

    @Test(
        "a token that is easy to guess, or that others can read, is refused at the start, with the file and advice",
        arguments: [("a", 0o600, "at least 20"), ("good-token-7c1e9f04b8d25a63", 0o644, "chmod 600")])
    func weakTokens(text: String, mode: Int, words: String) async throws {
        try await withInstallation { installation in
            let file = installation.folder.appending(path: "ci")
            try write(text, to: file, mode: mode)
            for settings in [
                "tokens: [{name: ci, file: \"\(path(file))\", role: viewer}]\n", "tokenFile: \"\(path(file))\"\n",
            ] {
                let config = installation.folder.appending(path: "mlctl.yaml")
                try write(settings, to: config)
                let output = try installation.mlctl(
                    "run", "--repo", path(installation.repo), "--state-dir", path(installation.state), "--config",
                    path(config), "--listen", "127.0.0.1:0")
                #expect(output.status == 2, "\(output)")
                #expect(output.error.contains(path(file)) && output.error.contains(words), "\(output.error)")
                #expect(!output.error.contains("good-token"))
            }
        }
    }

    @Test("a state folder or settings that others may write to are refused by every command that uses them")
    func openFolder() async throws {
        try await withInstallation { installation in
            try FileManager.default.createDirectory(at: installation.state, withIntermediateDirectories: true)
            chmod(path(installation.state), 0o777)
            let state = path(installation.state)
            for command in [
                ["run", "--repo", path(installation.repo), "--state-dir", state, "--listen", "127.0.0.1:0"],
                ["down", "--state-dir", state], ["proxy", "--state-dir", state],
                ["keeper", "--state-dir", state, "--instance", "i-1"],
            ] {
                let output = try installation.run(command)
                #expect(output.status == 2, "\(command) \(output)")
                #expect(output.error.contains("chmod 700"), "\(output.error)")
            }
            chmod(state, 0o700)
            let config = installation.folder.appending(path: "mlctl.yaml")
            try write("", to: config, mode: 0o666)
            let output = try installation.mlctl(
                "run", "--repo", path(installation.repo), "--state-dir", state, "--config", path(config))
            #expect(output.status == 2 && output.error.contains("chmod go-w"), "\(output.error)")
        }
    }

    @Test("an endpoint cannot use the port of the controller or of its probes, even if those were chosen automatically")
    func ownPorts() async throws {
        try await withInstallation { installation in
            try installation.commit([:])
            try await installation.start(["--probes", "127.0.0.1:0"])
            let api = try #require(installation.api?.port)
            let line = installation.controllerLog.split(separator: "\n").first { $0.contains("the probes listen") }
            let probes = try #require(line?.split(separator: ":").last.flatMap { Int($0) })
            #expect(try await status(URL(string: "http://127.0.0.1:\(probes)"), "/readyz") == 200)
            #expect(try await status(URL(string: "http://127.0.0.1:\(probes)"), "/metrics") == 404)
            for (port, words) in [(api, "the controller's API"), (probes, "the controller's probes")] {
                try installation.commit([
                    "model.yaml": installation.manifest("good-1", extra: "  endpoint: {port: \(port)}")
                ])
                _ = try? await installation.sync()
                let problems = try await #require(installation.client).status().sources.flatMap(\.diagnostics)
                #expect(problems.contains { $0.message.contains(words) && $0.line > 0 }, "\(problems)")
            }
        }
    }

    @Test(
        "over TLS, commands work with the authority's file, and a certificate is replaced while a stream is open",
        .enabled(if: TestCertificates.isAvailable, "openssl is not installed"))
    func tls() async throws {
        try await withInstallation { installation in
            let made = try TestCertificates(in: installation.folder.appending(path: "tls"))
            try made.issue("one")
            try made.issue("two")
            let (certificate, key) = (made.path("server.pem"), made.path("server.key"))
            func install(_ name: String) throws {
                try write(String(decoding: try made.bytes("\(name).key"), as: UTF8.self), to: URL(filePath: key))
                try write(
                    String(decoding: try made.bytes("\(name).pem"), as: UTF8.self), to: URL(filePath: certificate))
            }
            try install("one")
            let config = installation.folder.appending(path: "mlctl.yaml")
            try write("tls: {certificateFile: \"\(certificate)\", keyFile: \"\(key)\"}\n", to: config)
            try installation.commit([:])
            try await installation.start(["--config", path(config)])
            let api = try #require(installation.api)
            #expect(api.scheme == "https")
            Self.forget(api.port ?? 0)
            func run(_ arguments: String...) throws -> Installation.Output {
                try installation.run(
                    arguments + ["--server", api.absoluteString],
                    adding: ["MLCTL_TOKEN": installation.token ?? "", "MLCTL_CA_FILE": made.path("ca.pem")])
            }
            #expect(try run("status").status == 0)
            let blind = try installation.run(
                ["status", "--server", api.absoluteString],
                adding: ["MLCTL_TOKEN": installation.token ?? ""])
            #expect(blind.status == 5, "\(blind.error)")
            try install("two")
            try await installation.until("the new certificate is shown") {
                installation.controllerLog.contains("TLS uses a new certificate")
            }
            #expect(try run("status").status == 0)
        }
    }
}
