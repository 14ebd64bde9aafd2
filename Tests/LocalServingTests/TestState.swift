import Foundation
import Glibc
import ModelManifests
import Serving

@testable import LocalServing

/// A private state folder. At the end, all processes with its mark are killed and the folder is deleted.
final class TestState: Sendable {
    let state: StateFolder

    init(in folder: String? = nil) throws {
        state = StateFolder(
            "\(folder.map { $0 + "/" } ?? NSTemporaryDirectory())mlctl-test-\(UInt32.random(in: .min ... .max))")
        try state.prepare()
        _ = try state.identity()
    }

    deinit {
        for id in StateFile.names(in: state.instances) { killServer(of: id) }
        if let mark = try? state.mark(of: .proxy) {
            for process in ProcessMark(mark).tree() { ProcessIdentity(process).signal(SIGKILL) }
        }
        try? FileManager.default.removeItem(atPath: state.path)
    }

    var url: URL { URL(fileURLWithPath: state.path) }

    func killServer(of id: String) {
        guard let mark = try? state.mark(ofServer: id) else { return }
        for process in ProcessMark(mark).tree() { ProcessIdentity(process).signal(SIGKILL) }
    }

    func writeFile(_ name: String, _ text: String) throws -> String {
        let path = "\(state.path)/\(name)"
        try StateFile.makeFolder(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
        try StateFile.write(bytes: Array(text.utf8), to: path)
        return path
    }

    /// Writes an executable in Python.
    func writeProgram(_ name: String, _ script: String) throws {
        let path = try writeFile("\(name).py", "#!/usr/bin/env python3\n\(script)\n")
        chmod(path, 0o755)
        rename(path, "\(state.path)/\(name)")
    }

    /// Journals an instance without starting it.
    @discardableResult
    func journal(
        _ runtime: Runtime, id: String = "m-r-1", number: Int = 1, modelFolder: String? = nil,
        resources: Resources = Resources()
    ) throws -> InstanceFolder {
        let folder = state.instance(id)
        try StateFile.makeFolder(folder.path)
        let spec = InstanceSpec(
            id: id, deployment: DeploymentKey(name: "m"), revision: Revision(rawValue: "r"), number: number,
            template: template(runtime, resources: resources), modelFolder: modelFolder,
            inherited: InstanceSpec.inherited(from: ProcessInfo.processInfo.environment),
            mark: try state.mark(ofServer: id), createdAt: Date(timeIntervalSince1970: 0))
        try StateFile.write(spec, to: folder.spec)
        return folder
    }

    func keeper(_ id: String = "m-r-1") -> Keeper { Keeper(state: state, instance: id, belonging: .marked) }
}

func template(
    _ runtime: Runtime, version: String = "1", resources: Resources = Resources(), storageURI: String? = nil
) -> ServingTemplate {
    ServingTemplate(
        model: ModelSource(version: version, storageURI: storageURI), runtime: runtime, resources: resources,
        canonical: "{\"version\":\"\(version)\"}")
}

/// Model servers written in Python. They listen on `$PORT`.
enum Script {
    /// Answers GET with 200, and POST with the status that the body names (default 200).
    static let http = """
        import http.server, json, os, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def reply(self, status, body):
                self.send_response(status); self.send_header('Content-Length', str(len(body))); self.end_headers()
                self.wfile.write(body)
            def do_GET(self): self.reply(200, b'ok')
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                print('POST', self.path, body.decode(), flush=True)
                status = json.loads(body).get('status', 200) if body.startswith(b'{') else 200
                self.reply(status, b'{}')
        http.server.ThreadingHTTPServer.request_queue_size = 64
        http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
        """

    static func runtime(
        _ script: String, arguments: [String] = [], env: [EnvironmentVariable] = [], ports: [ContainerPort] = [],
        probes: Probes = Probes(), warmup: Warmup? = nil, grace: Duration = .seconds(5)
    ) -> Runtime {
        Runtime(
            command: ["python3", "-c", script], args: arguments, env: env, ports: ports, probes: probes, warmup: warmup,
            terminationGracePeriod: grace)
    }
}

struct TimedOut: Error, CustomStringConvertible {
    var description: String
}

/// Polls until `condition` gives a value. The limit is generous: it ends only a broken test.
@discardableResult
func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw TimedOut(description: "never: \(what)")
}

extension InstanceFolder {
    func reaches(_ phase: InstanceStatus.Phase) async throws -> InstanceStatus {
        try await eventually("\(id) is \(phase); it is \(String(describing: try? readStatus()))") {
            guard let status = try? readStatus(), status.phase == phase else { return nil }
            return status
        }
    }

    var serverOutput: String { String(decoding: readSmallFile(serverLog) ?? [], as: UTF8.self) }
}

/// The status of a GET. Nil while nothing answers.
func get(port: Int, path: String = "/") async -> Int? {
    guard let url = URL(string: "http://127.0.0.1:\(port)\(path)") else { return nil }
    let exchange = LoopbackExchange(
        port: port, request: LoopbackExchange.request(method: "GET", path: url.path, port: port), deadline: .seconds(1))
    let begin = ContinuousClock.now
    while !exchange.proceed(at: ContinuousClock.now - begin, isReady: true) {
        try? await Task.sleep(for: .milliseconds(2))
    }
    if case .answered(let status) = exchange.result { return status }
    return nil
}
