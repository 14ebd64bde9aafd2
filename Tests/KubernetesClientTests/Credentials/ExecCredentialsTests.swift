import Foundation
import Synchronization
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

@Suite("Exec plugins", .timeLimit(.minutes(10)))
struct ExecCredentialsTests {
    static let version = "client.authentication.k8s.io/v1"
    static let cluster = Kubeconfig.Cluster(
        server: "https://k", authoritiesData: Data("CA".utf8), pluginSettings: .object(["audience": .string("x")]))

    /// A plugin that counts its runs in a file next to it. `body` prints its answer.
    static func plugin(_ folder: Folder, _ body: String, version: String = version) throws -> ExecPlugin {
        let script = try folder.write(
            "plugin.py",
            """
            #!/usr/bin/env python3
            import json, os, sys, time
            open("\(folder.path)/runs", "a").write("x")
            def answer(**status):
                print(json.dumps({"apiVersion": "\(version)", "kind": "ExecCredential", "status": status}))
            \(body)
            """, executable: true)
        return ExecPlugin(apiVersion: version, command: script, args: ["one", "two"])
    }

    static func runs(_ folder: Folder) -> Int {
        (try? String(contentsOfFile: "\(folder.path)/runs", encoding: .utf8))?.count ?? 0
    }

    @Test("a token is used until shortly before it expires", arguments: ["v1", "v1beta1"])
    func expiry(version: String) async throws {
        let folder = try Folder()
        let plugin = try Self.plugin(
            folder, #"answer(token="t", expirationTimestamp="2030-01-01T00:01:00Z")"#,
            version: "client.authentication.k8s.io/\(version)")
        let begin = try #require(RFC3339.date("2030-01-01T00:00:00Z"))
        let clock = ManualClock()
        let source = ExecCredentials(
            plugin, cluster: Self.cluster, stopwatch: ClientClock(clock),
            wallClock: { begin.addingTimeInterval(clock.now.offset / .seconds(1)) })
        #expect(try await source.current().token == "t")
        clock.advance(by: .seconds(49))
        #expect(try await source.current().token == "t")
        #expect(Self.runs(folder) == 1)
        clock.advance(by: .seconds(2))
        #expect(try await source.current().token == "t")
        #expect(Self.runs(folder) == 2)
    }

    @Test("with a clock that is five minutes off the plugin does not run for each request", arguments: [-300.0, 300])
    func clockOff(seconds: Double) async throws {
        let folder = try Folder()
        let plugin = try Self.plugin(folder, #"answer(token="t", expirationTimestamp="2030-01-01T00:01:00Z")"#)
        let begin = try #require(RFC3339.date("2030-01-01T00:00:00Z")).addingTimeInterval(seconds)
        let clock = ManualClock()
        let source = ExecCredentials(
            plugin, cluster: Self.cluster, stopwatch: ClientClock(clock),
            wallClock: { begin.addingTimeInterval(clock.now.offset / .seconds(1)) })
        for _ in 1...20 {
            #expect(try await source.current().token == "t")
            clock.advance(by: .seconds(1))
        }
        #expect(Self.runs(folder) <= 2)
    }

    @Test("many concurrent callers run it once")
    func together() async throws {
        let folder = try Folder()
        let source = ExecCredentials(try Self.plugin(folder, #"answer(token="t")"#), cluster: Self.cluster)
        try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<20 { group.addTask { try await source.current().token } }
            for try await token in group { #expect(token == "t") }
        }
        #expect(Self.runs(folder) == 1)
    }

    @Test("a refused token is fetched again, but not at every refusal")
    func refused() async throws {
        let folder = try Folder()
        let clock = ManualClock()
        let source = ExecCredentials(
            try Self.plugin(folder, #"answer(token=str(os.path.getsize("\#(folder.path)/runs")))"#),
            cluster: Self.cluster, stopwatch: ClientClock(clock))
        // The plugin has no time limit under the manual clock: the suite's limit bounds it.
        let first = try await source.current()
        #expect(await source.refused(first) == false)
        clock.advance(by: .seconds(10))
        #expect(await source.refused(first))
        let second = try await source.current()
        #expect(second.token == "2")
        #expect(await source.refused(first))
        #expect(try await source.current().token == "2")
    }

    @Test("it gets its arguments, its variables and the cluster's information, and no variable of mlctl")
    func surroundings() async throws {
        let folder = try Folder()
        setenv("MLCTL_TEST_SECRET", "s3cret", 1)
        defer { unsetenv("MLCTL_TEST_SECRET") }
        var plugin = try Self.plugin(
            folder,
            """
            info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
            answer(token=json.dumps([sys.argv[1:], os.environ["WHO"], os.environ.get("MLCTL_TEST_SECRET"),
                info["spec"]["cluster"]["server"], info["spec"]["cluster"]["certificate-authority-data"],
                info["spec"]["cluster"]["config"]["audience"], info["spec"]["interactive"]]))
            """)
        plugin.provideClusterInfo = true
        plugin.env = [.init(name: "WHO", value: "me")]
        let token = try await ExecCredentials(plugin, cluster: Self.cluster).current().token
        #expect(token == #"[["one", "two"], "me", null, "https://k", "Q0E=", "x", false]"#)
    }

    @Test("a client certificate may replace a token")
    func certificate() async throws {
        let folder = try Folder()
        let plugin = try Self.plugin(
            folder,
            """
            answer(clientCertificateData=open("\(Fixture.path("client.crt"))").read(),
                clientKeyData=open("\(Fixture.path("client.key"))").read())
            """)
        let credential = try await ExecCredentials(plugin, cluster: Self.cluster).current()
        #expect(credential.certificate?.chain.count == 1)
        #expect(credential.token == nil)
    }

    @Test(
        "an error says what to do, without quoting what the plugin printed",
        arguments: [
            (#"print("s3cret")"#, "did not print an ExecCredential"),
            (#"answer()"#, "returned neither a token nor a client certificate"),
            (#"answer(clientCertificateData="s3cret")"#, "only one of"),
            (#"answer(token="s3cret", expirationTimestamp="soon")"#, "not an RFC 3339 time"),
            (#"sys.stderr.write("s3cret"); sys.exit(3)"#, "failed"),
            (#"print("s3cret" * 1000000)"#, "printed more than"),
            (
                #"print(json.dumps({"apiVersion": "v0", "kind": "ExecCredential", "status": {"token": "s3cret"}}))"#,
                "use the same apiVersion in the kubeconfig and in the plugin"
            ),
        ])
    func garbage(body: String, says: String) async throws {
        let folder = try Folder()
        let source = ExecCredentials(try Self.plugin(folder, body), cluster: Self.cluster)
        let error = await #expect(throws: APIError.self) { try await source.current() }
        let message = message(of: error)
        #expect(message.contains(says), "\(message)")
        #expect(!message.contains("s3cret"))
        #expect(error?.retry == .waiting)
    }

    @Test("a plugin that hangs is stopped with its child processes, and its failure is kept for a while")
    func hanging() async throws {
        let folder = try Folder()
        let source = ExecCredentials(
            try Self.plugin(folder, "time.sleep(600)"), cluster: Self.cluster, timeout: .milliseconds(500))
        let began = ContinuousClock.now
        let error = await #expect(throws: APIError.self) { try await source.current() }
        #expect(message(of: error).contains("did not answer within 0.5 seconds"))
        #expect(ContinuousClock.now - began < .seconds(20))
        await #expect(throws: APIError.self) { try await source.current() }
        #expect(Self.runs(folder) <= 1)
    }

    @Test("a missing program is reported with its install hint")
    func missing() async throws {
        let plugin = ExecPlugin(
            apiVersion: Self.version, command: "mlctl-no-such-plugin", installHint: "Get it from example.com.")
        let source = ExecCredentials(plugin, cluster: Self.cluster)
        let error = await #expect(throws: APIError.self) { try await source.current() }
        #expect(message(of: error).contains("is not installed"))
        #expect(message(of: error).contains("Get it from example.com."))
    }
}
