import Foundation
import Glibc
import ModelManifests
import Serving
import Synchronization

@testable import LocalServing

/// Keepers in this process, and a fake proxy that accepts and reports routes but forwards nothing.
final class FakeLauncher: ProcessLauncher, @unchecked Sendable {
    // Sendable: `launches` is only touched while `lock` is held.
    private let lock = NSLock()
    private var launches: [DataPlaneRole: Int] = [:]
    private let state: StateFolder

    init(state: StateFolder) { self.state = state }

    func count(_ role: DataPlaneRole) -> Int { lock.withLock { launches[role] ?? 0 } }

    func launch(_ role: DataPlaneRole) throws -> any LaunchedProcess {
        lock.withLock { launches[role, default: 0] += 1 }
        switch role {
        case .keeper(let id): return KeeperThread(Keeper(state: state, instance: id, belonging: .marked))
        case .proxy:
            var environment = InstanceSpec.inherited(from: ProcessInfo.processInfo.environment)
            environment[ProcessMark.variable] = try state.mark(of: .proxy)
            return ChildProcess(
                pid: try DetachedProcess.spawn(
                    program: "/usr/bin/env",
                    arguments: ["env", "python3", "-c", Self.proxy, state.proxy]
                        + [state.placeOfProxy?.socket].compactMap(\.self),
                    environment: environment.map { "\($0.key)=\($0.value)" }, workingFolder: "/",
                    output: .appending(state.logOfProxy)))
        }
    }

    /// The proxy writes all routes that it received to `history.jsonl`. The file `busy` in its folder names instances with a
    /// request in progress, and `told` appears once that was reported. With `deaf` it does not listen.
    static let proxy = """
        import fcntl, http.server, json, os, socketserver, sys, time, uuid
        folder = sys.argv[1]
        try: lock = open(folder + '/lock', 'w')
        except OSError: lock = open(folder + '/lock')
        # As the real one: whoever looks whether a proxy runs holds its lock for an instant.
        for attempt in range(10):
            try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB); break
            except BlockingIOError: time.sleep(0.02)
        else: sys.exit(1)
        path = sys.argv[2] if len(sys.argv) > 2 else folder + '/control.sock'
        if os.path.exists(path): os.unlink(path)
        saved = folder + '/routes.json'
        routes = json.load(open(saved)) if os.path.exists(saved) else {'generation': 0, 'routes': []}
        epoch = uuid.uuid4().hex
        def report():
            # The routes come first: a report of new routes must not hold what was true before them.
            known = routes
            deaf = os.path.exists(folder + '/deaf')
            busy = open(folder + '/busy').read().split() if os.path.exists(folder + '/busy') else []
            if busy and not os.path.exists(folder + '/told'): open(folder + '/told', 'w').close()
            counters = {'requests': 0, 'errors': 0, 'rejected': 0, 'latency': [], 'bounds': [], 'observed': {}, 'named': {}}
            key = {'namespace': 'default', 'name': 'm'}
            return {'epoch': epoch, 'generation': known['generation'],
                'endpoints': [{'deployment': r['deployment'], 'port': r['port'], 'listening': not deaf,
                    'error': 'in use' if deaf else None} for r in known['routes']],
                'instances': [{'deployment': key, 'revision': 'a', 'instance': i, 'counters': counters, 'inFlight': 1,
                    'ejected': False, 'failedRequestIds': ['bad-' + i]} for i in busy]}
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def reply(self):
                asks = self.command == 'GET' and self.path == '/routes'
                body = json.dumps(routes if asks else report()).encode()
                self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
            def do_GET(self): self.reply()
            def do_PUT(self):
                global routes
                routes = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                # As the real one: what serves matters more than what a restart would find.
                try:
                    with open(folder + '/history.jsonl', 'a') as history: history.write(json.dumps(routes) + '\\n')
                    with open(saved + '.new', 'w') as file: file.write(json.dumps(routes))
                    os.rename(saved + '.new', saved)
                except OSError: pass
                self.reply()
            def address_string(self): return 'control'
        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): daemon_threads = True
        Server(path, Handler).serve_forever()
        """
}

/// A keeper in its own task. Its outcome is on disk.
final class KeeperThread: LaunchedProcess, @unchecked Sendable {
    // Sendable: `hasEnded` is only touched while `lock` is held.
    private let lock = NSLock()
    private var hasEnded = false

    init(_ keeper: Keeper) {
        Task {
            _ = try? await keeper.run()
            lock.withLock { hasEnded = true }
        }
    }

    var isRunning: Bool { lock.withLock { !hasEnded } }
}

/// Model files that are there at once, are refused, or never arrive.
final class ScriptedFiles: ModelFiles {
    enum Answer {
        case folder(String?)
        case error(LocalServingError)
        case never
    }

    private let state: Mutex<(answer: Answer, asked: Int, cancelled: Int)>

    init(_ answer: Answer) { state = Mutex((answer, 0, 0)) }

    convenience init(folder: String? = nil, error: LocalServingError? = nil) {
        self.init(error.map(Answer.error) ?? .folder(folder))
    }

    func answer(_ answer: Answer) { state.withLock { $0.answer = answer } }
    var asked: Int { state.withLock(\.asked) }
    var cancelled: Int { state.withLock(\.cancelled) }

    func pin(_ model: ModelSource) async throws -> Digest? { nil }

    func materialise(_ model: ModelSource) async throws -> URL? {
        let answer = state.withLock { state in
            state.asked += 1
            return state.answer
        }
        switch answer {
        case .folder(let folder): return folder.map { URL(fileURLWithPath: $0) }
        case .error(let error): throw error
        case .never:
            do {
                try await Task.sleep(for: .seconds(86_400))
            } catch {
                state.withLock { $0.cancelled += 1 }
                throw error
            }
            return nil
        }
    }
}
