import AsyncHTTPClient
import ControlPorts
import Foundation
import NIOCore
import TestSupport
import Testing

/// Processes of the data plane while no controller runs.
@Suite("Processes without a controller", .serialized)
struct ProcessTests {
    private func answers(_ endpoint: String) async -> Bool {
        let request = HTTPClientRequest(url: endpoint)
        return (try? await HTTPClient.shared.execute(request, timeout: .seconds(2)))?.status == .ok
    }

    @Test("with controller and proxy killed, the endpoint answers again, and so does a server that crashes meanwhile")
    func everythingKilled() async throws {
        try await withInstallation { installation in
            try installation.commit(["model.yaml": installation.manifest("good-1")])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            let endpoint = try #require(status.endpoint)
            let first = try #require(installation.process(running: "proxy"))
            installation.killController()
            kill(first, SIGKILL)
            let begin = ContinuousClock.now
            try await installation.until("it answers again") { await self.answers(endpoint) }
            print("answers \(ContinuousClock.now - begin) after controller and proxy were killed")
            let second = try #require(installation.process(running: "proxy"))
            #expect(second != first)
            // The same again, with a server: it keeps its port, or the proxy is informed.
            kill(second, SIGKILL)
            let server = try #require(installation.instances.first?.server)
            kill(server.pid, SIGKILL)
            try await installation.until("another server runs") { installation.starts(of: "good-1") == 2 }
            try await installation.until("it answers again") { await self.answers(endpoint) }
            let down = try installation.mlctl("down", "--state-dir", installation.state.path(percentEncoded: false))
            #expect(down.status == 0, "\(down.output)\(down.error)")
            #expect(installation.process(running: "proxy") == nil)
            #expect(installation.process(running: "keeper") == nil)
            try await installation.start()
            try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
        }
    }

    @Test(
        "30 deployments whose command is missing have one correct reason, no zombies, and serve once the command exists"
    )
    func commandAppears() async throws {
        try await withInstallation { installation in
            let program = installation.folder.appending(path: "late-server").path(percentEncoded: false)
            let names = (0..<30).map { "model-\($0)" }
            let manifests = names.map { name in
                ("\(name).yaml", installation.manifest("good-1", name: name, command: "[\"\(program)\"]"))
            }
            try installation.commit(Dictionary(uniqueKeysWithValues: manifests))
            try await installation.start()
            try await installation.until("all are blocked") {
                let instances = installation.instances
                return instances.count == 30 && instances.allSatisfy { $0.phase == "blocked" }
            }
            let reason = "the command \(program) does not exist. Install it, or correct `command`."
            #expect(Set(installation.instances.map(\.reason)) == [reason])
            let seen = try #require(try await installation.client?.status())
            #expect(seen.deployments.allSatisfy { $0.quarantined.isEmpty })
            let controller = try #require(installation.controllerPid)
            try await installation.until("no zombie is left") { Installation.zombies(of: controller) == 0 }
            let script = "#!/bin/sh\nexec python3 '\(Installation.serverPath)'\n"
            try script.write(toFile: program + ".new", atomically: true, encoding: .utf8)
            chmod(program + ".new", 0o755)
            rename(program + ".new", program)
            for name in names.prefix(3) {
                try await installation.wait(name, for: "it serves") { $0.phase == .healthy }
            }
        }
    }

    @Test("the controller's environment cannot be read in /proc, and its child processes do not inherit it")
    func hiddenEnvironment() async throws {
        let canaries = [
            "MLCTL_TOKEN": "canary-token-of-the-api-0123456789", "AWS_SECRET_ACCESS_KEY": "canary-of-the-store",
        ]
        try await withInstallation(environment: canaries) { installation in
            let check = """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: model, namespace: test}
                spec:
                  model: {version: good-1}
                  runtime: {command: [python3, '\(Installation.serverPath)']}
                """
            try installation.commit(["model.yaml": check])
            try await installation.start()
            let controller = try #require(installation.controllerPid)
            try await installation.until("an instance runs") {
                installation.process(running: "keeper") != nil && installation.process(running: "proxy") != nil
            }
            let pids = [controller] + ["keeper", "proxy"].compactMap { installation.process(running: $0) }
            for pid in pids + installation.instances.compactMap(\.server?.pid) {
                let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") ?? Data()
                #expect(!String(decoding: environment, as: UTF8.self).contains("canary"), "process \(pid)")
            }
        }
    }

    @Test("the preset mlctl uses the running program, whatever PATH says")
    func ownPreset() async throws {
        let bare = try withoutMlctl()
        defer { try? FileManager.default.removeItem(atPath: bare) }
        try await withInstallation(environment: ["PATH": bare]) { installation in
            let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "manifests/demo/models/v1").path(percentEncoded: false)
            try installation.commit([
                "model.yaml": """
                apiVersion: mlctl.dev/v1alpha1
                kind: ModelDeployment
                metadata: {name: model, namespace: test}
                spec:
                  model: {version: "1", storageUri: "file://\(models)"}
                  runtime: {name: mlctl}
                """
            ])
            try await installation.start()
            try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
        }
    }

    /// A folder for PATH that contains only git.
    private func withoutMlctl() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "path-\(UUID().uuidString)")
            .path(percentEncoded: false)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let candidates: [String] = path.split(separator: ":").map { "\($0)/git" }
        let git = candidates.first { access($0, X_OK) == 0 }
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/git", withDestinationPath: try #require(git))
        return folder
    }
}

extension Installation {
    struct KeptInstance: Decodable {
        struct Server: Decodable {
            var pid: Int32
        }

        var phase: String
        var reason: String?
        var server: Server?
    }

    /// What the keepers report.
    var instances: [KeptInstance] {
        let folder = state.appending(path: "instances")
        let ids = (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
        return ids.sorted().compactMap { id in
            let file = folder.appending(path: "\(id)/status.json")
            return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(KeptInstance.self, from: $0) }
        }
    }

    /// Child processes that have ended and were not reaped.
    static func zombies(of parent: Int32) -> Int {
        let pids = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        return pids.count { pid in
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { return false }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            return fields.count > 1 && fields[0] == "Z" && fields[1] == "\(parent)"
        }
    }
}
