import CLinuxProcess
import Foundation
import Glibc
import ModelManifests
import Serving

/// Carries out the actions of `KeeperMachine`. One thread with one poll(2) loop, which blocks nowhere else.
final class KeeperShell {
    private let folder: InstanceFolder
    private let spec: InstanceSpec
    private let clock = ContinuousClock()
    private let begunAt: ContinuousClock.Instant
    private var machine: KeeperMachine
    private var server: ServerHandle
    private let bell: Descriptor
    private let logPipe: Descriptor
    private let log: ServerLog
    private var probes: [KeeperMachine.Probing: LoopbackExchange] = [:]
    private var warmup: WarmupRun?
    /// The server's work at the last check, used to judge its liveness.
    private var work: WorkSample?
    /// Local ports of the keeper's own connections, with the time of opening. Answers to them do not count as work.
    private var ownPorts: [Int: Duration] = [:]
    private var published: InstanceStatus?
    /// When to retry a status that could not be written.
    private var publishAgainAt: Duration?
    private var exitCode: Int32?
    private let handlesSignals: Bool

    private static let longestSleep = Duration.seconds(60)
    /// The kernel lists a closed connection for a minute, and the connection may have been open for a while before.
    private static let ownPortsAreKept = Duration.seconds(180)
    private static let publishAgainDelay = Duration.seconds(1)
    private static let logReadsInARow = 16

    private let proxies: LaunchedProxies?

    init(
        state: StateFolder, folder: InstanceFolder, spec: InstanceSpec, belonging: Keeper.Belonging,
        proxies: LaunchedProxies? = nil
    ) throws {
        self.proxies = proxies
        self.folder = folder
        self.spec = spec
        begunAt = clock.now
        try StateFile.makeFolder(folder.logs)
        bell = try Self.openPipe(folder.bell)
        logPipe = try Self.openPipe(folder.logPipe)
        log = ServerLog(path: folder.serverLog)
        machine = KeeperMachine(policy: KeeperPolicy(spec.template.runtime))
        handlesSignals = belonging == .everyDescendant
        server = ServerHandle(state: state, folder: folder, spec: spec, belonging: belonging, strangers: proxies)
    }

    /// Opens a named pipe at both ends, so that it never reports the other side as closed.
    private static func openPipe(_ path: String) throws -> Descriptor {
        guard mkfifo(path, 0o600) == 0 || errno == EEXIST else {
            throw LocalServingError(
                .stateUnreadable, "\(path) cannot be created: \(SystemError.last). Check the folder.", retry: .transient
            )
        }
        let raw = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard raw >= 0 else {
            throw LocalServingError(
                .stateUnreadable, "\(path) cannot be opened: \(SystemError.last). Check the folder.", retry: .transient)
        }
        return Descriptor(raw)
    }

    func run() throws -> Int32 {
        if handlesSignals {
            for signal in [SIGTERM, SIGINT, SIGHUP] {
                try SystemError.check(clp_signal_to_descriptor(signal, bell.raw))
            }
        }
        if let status = try? folder.readStatus() {
            if let adopted = server.adopt(status) {
                published = status
                log.hide(server.secrets)
                feed(.adopted(adopted, ports: status.ports, wasReady: status.phase == .ready, isWarm: status.isWarm))
            } else {
                server.keepPorts(of: status)
            }
        }
        feed(folder.isAskedToStop ? .stopRequested : .begin)
        while exitCode == nil { turn() }
        return exitCode ?? 1
    }

    private var now: Duration { clock.now - begunAt }

    /// Sleeps until something happens, then handles everything that happened.
    private func turn() {
        var polled = [
            pollfd(fd: bell.raw, events: Int16(POLLIN), revents: 0),
            pollfd(fd: logPipe.raw, events: Int16(POLLIN), revents: 0),
            // poll(2) ignores negative descriptors.
            pollfd(fd: server.leader?.raw ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: warmup?.descriptor ?? -1, events: warmup?.wants ?? 0, revents: 0),
        ]
        let probing = Array(probes.keys)
        for kind in probing {
            polled.append(pollfd(fd: probes[kind]?.descriptor ?? -1, events: probes[kind]?.wants ?? 0, revents: 0))
        }
        _ = poll(&polled, nfds_t(polled.count), sleepMilliseconds)

        if polled[0].revents != 0 { readBell() }
        if polled[1].revents != 0 { readLogPipe() }
        if polled[2].revents != 0 { handleLeaderExit() }
        server.reapAdoptedChildren()
        if let run = warmup, let outcome = run.proceed(at: now, isReady: polled[3].revents != 0), warmup === run {
            warmup = nil
            feed(.warmedUp(outcome))
        }
        for (kind, poll) in zip(probing, polled[4...]) {
            guard let exchange = probes[kind], exchange.proceed(at: now, isReady: poll.revents != 0) else { continue }
            probes[kind] = nil
            feed(.probed(kind, outcome(of: exchange, kind)))
        }
        feed(.timer)
    }

    private var sleepMilliseconds: Int32 {
        let deadlines =
            [machine.deadline, warmup?.nextDeadline, publishAgainAt].compactMap { $0 } + probes.values.map(\.deadline)
        let sleep = min(max((deadlines.min() ?? Self.longestSleep + now) - now, .zero), Self.longestSleep)
        // Rounded up: waking a millisecond too early would be a useless turn.
        return sleep == .zero ? 0 : Int32(sleep.wholeMilliseconds) + 1
    }

    private func readBell() {
        var buffer = [UInt8](repeating: 0, count: 256)
        var isSignalled = false
        var mayRestart: OutlierCause?
        while true {
            let count = read(bell.raw, &buffer, buffer.count)
            guard count > 0 else { break }
            isSignalled = isSignalled || buffer[0..<count].contains(InstanceFolder.stopSign)
            mayRestart = InstanceFolder.restartSigns.first { buffer[0..<count].contains($0.value) }?.key ?? mayRestart
        }
        if isSignalled || folder.isAskedToStop {
            feed(.stopRequested)
        } else if let mayRestart {
            feed(.restartRequested("restarted because \(mayRestart.described)"))
        }
    }

    private func readLogPipe() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        for _ in 0..<Self.logReadsInARow {
            let count = read(logPipe.raw, &buffer, buffer.count)
            guard count > 0 else { return }
            log.append(buffer[0..<count])
        }
    }

    private func handleLeaderExit() {
        guard let status = server.reapLeader() else { return }
        readLogPipe()
        log.flush()
        feed(.exited(status, survivors: server.survivors().count, lastLine: log.lastWords))
    }
}

// MARK: - Actions

extension KeeperShell {
    /// Passes events to the machine until no action has an immediate result.
    private func feed(_ event: KeeperMachine.Event) {
        var events = [event]
        while !events.isEmpty {
            let actions = machine.handle(events.removeFirst(), at: now)
            for action in actions {
                if let answer = carryOut(action) { events.append(answer) }
            }
        }
        publish()
    }

    private func carryOut(_ action: KeeperMachine.Action) -> KeeperMachine.Event? {
        switch action {
        case .spawn:
            log.forgetLastLine()
            work = nil
            let spawned = server.spawn()
            log.hide(server.secrets)
            return spawned
        case .probe(let kind): return startProbe(kind)
        case .warmUp: return startWarmup()
        case .lookAtTree:
            let alive = server.survivors()
            return .treeSeen(alive: alive.count, ownsListener: server.listener(in: alive) == .own)
        case .terminateTree:
            probes = [:]
            warmup = nil
            server.signalTree(SIGTERM)
        case .killTree: server.killTree()
        case .forgetServer:
            probes = [:]
            warmup = nil
            readLogPipe()
            server.forget(keepsPorts: machine.server?.isWarm ?? true)
        case .leave(let code): exitCode = code
        }
        return nil
    }

    private func startProbe(_ kind: KeeperMachine.Probing) -> KeeperMachine.Event? {
        guard let probe = spec.template.runtime.probe(kind) else { return nil }
        // Before the server is ready once, an answer counts only if the instance's own process listens on the port.
        if case .starting = machine.stage, kind != .liveness {
            switch server.listener(in: nil) {
            case .own: break
            case .nobody:
                return .probed(
                    kind, .failure("no process of the instance listens on port \(server.mainPort) (PORT) yet"))
            case .foreign:
                return .probed(
                    kind,
                    .foreignListener("another process took port \(server.mainPort); the next start uses a new port"))
            }
        }
        if kind == .liveness, work == nil { work = lookAtWork() }
        let (port, request) = target(of: probe)
        let exchange = LoopbackExchange(
            port: port, request: request, deadline: now + max(probe.timeout, .milliseconds(1)))
        if let own = exchange.localPort { ownPorts[own] = now }
        probes[kind] = exchange
        return nil
    }

    private func target(of probe: Probe) -> (Int, [UInt8]?) {
        switch probe.check {
        case .tcpSocket(let name): return (server.port(named: name), nil)
        case .httpGet(let path, let name):
            let port = server.port(named: name)
            let rooted = path.hasPrefix("/") ? path : "/" + path
            return (port, LoopbackExchange.request(method: "GET", path: rooted, port: port))
        }
    }

    private func outcome(of exchange: LoopbackExchange, _ kind: KeeperMachine.Probing) -> ProbeOutcome {
        if kind == .liveness, exchange.isLate, isAtWork() {
            return .busy("the liveness probe timed out, but the server is working on requests")
        }
        // Work before this answer must not excuse the next failure.
        if kind == .liveness, !exchange.isLate { work = nil }
        return switch exchange.result {
        case .connected: .success
        case .answered(let status):
            (200...399).contains(status) ? .success : .failure("the probe got status \(status)")
        case .failed(let why): .failure(why)
        case nil: .failure("no answer")
        }
    }

    private func lookAtWork() -> WorkSample? {
        ownPorts = ownPorts.filter { now - $0.value < Self.ownPortsAreKept }
        return server.work(besides: Set(ownPorts.keys), at: now)
    }

    /// Whether the server worked since the last successful look. A look that fails does not replace that one.
    private func isAtWork() -> Bool {
        guard let now = lookAtWork() else { return false }
        defer { work = now }
        return work.map { now.showsWork(since: $0) } ?? false
    }

    private func startWarmup() -> KeeperMachine.Event? {
        guard let warmup = spec.template.runtime.warmup, let requests = server.warmupRequests else {
            return .warmedUp(.played(notes: nil))
        }
        self.warmup = WarmupRun(requests, port: server.mainPort, deadline: now + warmup.timeout)
        return nil
    }

    private func publish() {
        var status = machine.status
        status.port = status.server == nil ? nil : server.mainPort
        status.keptPorts = server.keptPorts
        status.limitsNotEnforced = server.limitsNotEnforced
        status.lostLogBytes = log.lostBytes
        if status.phase == .ready {
            status.readySince = published?.phase == .ready ? published?.readySince : Date()
        }
        let rpcPort = spec.template.runtime.rpcPortName.flatMap { status.ports[$0] }
        proxies?.noteOwnPorts(
            status.phase == .ready && server.hasMoved ? status.port.map { InstancePorts(main: $0, rpc: rpcPort) } : nil)
        guard status != published else {
            publishAgainAt = nil
            return
        }
        // Not fatal: the server keeps serving, and the write is retried soon.
        let isWritten = (try? StateFile.replace(status, at: folder.status)) != nil
        if isWritten { published = status }
        publishAgainAt = isWritten ? nil : now + Self.publishAgainDelay
    }
}
