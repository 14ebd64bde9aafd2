import CLinuxProcess
import Glibc
import ModelManifests

/// The keeper's hold on one server: its ports, its first process, and the tree that grew from it.
struct ServerHandle {
    private let state: StateFolder
    private let folder: InstanceFolder
    private let spec: InstanceSpec
    private let belonging: Keeper.Belonging
    private let mark: ProcessMark
    private static let maximumReapedAtOnce = 1000
    /// Processes that this one started, and that are no part of the instance.
    private let strangers: StartedProxies?
    private var claims: [String: PortClaim] = [:]
    private(set) var ports: [String: Int] = [:]
    /// This server's ports are others than the last one's, which the proxy may still have.
    private(set) var hasMoved = false
    private var identity: ProcessIdentity?
    /// It was started by this keeper, and not taken over from a former one.
    private var isChild = false
    private var group: ControlGroup?
    /// Polls readable when the first process has ended; nil where none runs.
    private(set) var leader: Descriptor?
    private(set) var warmupRequests: WarmupRequests?
    private(set) var limitsNotEnforced: String?
    /// Of this server and of those before it: what any of them wrote may still be in the pipe.
    private(set) var secrets: [String] = []
    private static let maximumSecrets = 400

    init(
        state: StateFolder, folder: InstanceFolder, spec: InstanceSpec, belonging: Keeper.Belonging,
        strangers: StartedProxies? = nil
    ) {
        self.strangers = strangers
        self.state = state
        self.folder = folder
        self.spec = spec
        self.belonging = belonging
        mark = ProcessMark(spec.mark, logPipe: folder.logPipe)
    }

    // MARK: Start

    mutating func spawn() -> KeeperMachine.Event {
        do {
            let identity = try start()
            return .spawned(identity, ports: ports)
        } catch let error as LocalServingError {
            return .spawnFailed(error.message, isTerminal: error.retryClass == .terminal)
        } catch {
            return .spawnFailed("the server cannot be started: \(error)", isTerminal: false)
        }
    }

    private mutating func start() throws -> ProcessIdentity {
        let runtime = spec.template.runtime
        let working = spec.modelFolder ?? folder.work
        if spec.modelFolder == nil { try StateFile.makeFolder(folder.work) }
        guard access(working, X_OK) == 0 else {
            throw LocalServingError(
                .stateUnreadable, "the model's folder \(working) is not there: \(SystemError.last).")
        }
        if let warmup = runtime.warmup {
            warmupRequests = try WarmupRequests(warmup, modelFolder: working)
        }
        try claimPorts(ServerEnvironment.portNames(runtime))
        let environment = try ServerEnvironment(
            spec: spec, modelFolder: working, portNames: ServerEnvironment.portNames(runtime), ports: ports,
            secret: { try spec.secret($0, of: state) })
        note(environment.secrets)
        let command = try ServerCommand(
            runtime, environment: environment, workingFolder: working,
            ownProgram: ExecutableLauncher.ownExecutable.path(percentEncoded: false))
        let confinement = try Confinement.of(spec, state: state, working: working)
        if let user = confinement?.user { try give(working, to: user) }
        let group = makeGroup()
        let pid = try DetachedProcess.spawn(
            program: command.program, arguments: command.arguments,
            environment: environment.assignments(as: confinement?.user), workingFolder: working,
            output: .pipe(folder.logPipe), confinement: confinement)
        self.group = group
        join(group, pid)
        // Not reaped before `reapLeader`: the pid is this process's, even if it has ended by now.
        leader = Descriptor(try SystemError.check(clp_pidfd_open(pid)))
        isChild = true
        let identity = ProcessIdentity(pid: pid, startTime: ProcessTable.Entry(pid: pid)?.startTime ?? 0)
        self.identity = identity
        return identity
    }

    /// Its working folder, where that is its own; the model's files can be read by everybody.
    private func give(_ working: String, to user: SystemUser) throws {
        guard working == folder.work, chown(working, user.id, user.group) != 0 else { return }
        throw LocalServingError(
            .stateUnreadable, "\(working) cannot be given to the user \(user.name): \(SystemError.last).")
    }

    /// The same ports as the last server's, where nobody has taken them meanwhile: then the proxy finds the new server
    /// though nobody tells it.
    private mutating func claimPorts(_ names: [String]) throws {
        let kept = claims
        let avoided = Set((try? StateFile.read([Int].self, from: state.endpointPorts)) ?? [])
        var generator = SystemRandomNumberGenerator()
        var claimed: [String: PortClaim] = [:]
        for name in names {
            if let claim = kept[name], !avoided.contains(claim.port), claim.canBeListenedOnAgain {
                claimed[name] = claim
            } else {
                claimed[name] = try PortClaim.claim(using: &generator, avoiding: avoided)
            }
        }
        let former = ports
        claims = claimed
        ports = claims.mapValues(\.port)
        hasMoved = hasMoved || !former.isEmpty && former != ports
    }

    /// Of a server that ended together with its keeper.
    mutating func keepPorts(of status: InstanceStatus) {
        ports = status.keptPorts ?? status.ports
        claims = ports.compactMapValues(PortClaim.claim(port:))
    }

    /// What the next server gets; nil while one runs.
    var keptPorts: [String: Int]? { identity == nil && !ports.isEmpty ? ports : nil }

    private mutating func makeGroup() -> ControlGroup? {
        let resources = spec.template.resources
        limitsNotEnforced = nil
        guard resources.cpuLimitMillicores != nil || resources.memoryLimitBytes != nil else { return nil }
        do {
            return try ControlGroup(instance: spec.id, resources: resources)
        } catch {
            limitsNotEnforced = "limits not enforced: \((error as? ControlGroup.NotEnforced)?.why ?? "\(error)")"
            return nil
        }
    }

    private mutating func join(_ group: ControlGroup?, _ pid: pid_t) {
        guard let group else { return }
        do {
            try group.add(pid)
        } catch {
            limitsNotEnforced = "limits not enforced: \((error as? ControlGroup.NotEnforced)?.why ?? "\(error)")"
        }
    }

    // MARK: Adoption

    /// Takes over the server of a keeper that was killed. Its pid is believed only together with its start time and
    /// the instance's mark.
    mutating func adopt(_ status: InstanceStatus) -> ProcessIdentity? {
        guard let identity = status.server, mark.vouches(for: identity) else {
            // The first process may be gone while others of the tree live: none of them may be met by a new server.
            for process in mark.tree() { ProcessIdentity(process).signal(SIGKILL) }
            return nil
        }
        let raw = clp_pidfd_open(identity.pid)
        guard raw >= 0, identity.isAlive else { return nil }
        leader = Descriptor(raw)
        isChild = false
        ports = status.ports
        claims = status.ports.compactMapValues(PortClaim.claim(port:))
        limitsNotEnforced = status.limitsNotEnforced
        note(secretsOfAdopted(identity))
        if let warmup = spec.template.runtime.warmup {
            warmupRequests = try? WarmupRequests(warmup, modelFolder: spec.modelFolder ?? folder.work)
        }
        self.identity = identity
        return identity
    }

    /// As the server was given them: the files may hold others by now.
    private func secretsOfAdopted(_ identity: ProcessIdentity) -> [String] {
        let names = spec.template.runtime.env.compactMap { variable -> String? in
            if case .secret = variable.value { variable.name } else { nil }
        }
        guard !names.isEmpty else { return [] }
        let kept = spec.template.runtime.env.compactMap { variable -> String? in
            guard case .secret(let name) = variable.value else { return nil }
            return try? spec.secret(name, of: state)
        }
        let environment = readSmallFile("/proc/\(identity.pid)/environ", limit: Self.maximumEnvironmentBytes) ?? []
        let given = environment.split(separator: 0).compactMap { entry -> String? in
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")),
                names.contains(String(decoding: entry[..<equals], as: UTF8.self))
            else { return nil }
            return String(decoding: entry[(equals + 1)...], as: UTF8.self)
        }
        return kept + given
    }

    private static let maximumEnvironmentBytes = 2 << 20

    private mutating func note(_ values: [String]) {
        for value in values where !secrets.contains(value) { secrets.append(value) }
        if secrets.count > Self.maximumSecrets { secrets.removeFirst(secrets.count - Self.maximumSecrets) }
    }

    // MARK: Ports

    var mainPort: Int {
        let names = ServerEnvironment.portNames(spec.template.runtime)
        return ServerEnvironment.mainPort(names).flatMap { ports[$0] } ?? 0
    }

    /// A port by its name, or by the number that it has in a cluster; any other number is itself.
    func port(named name: String?) -> Int {
        guard let name else { return mainPort }
        if let port = ports[name] { return port }
        let number = Int(name)
        if let number, let named = spec.template.runtime.ports.first(where: { $0.containerPort == number }) {
            return ports[named.name] ?? mainPort
        }
        return number ?? mainPort
    }

    /// Who listens on `PORT`. - Parameter alive: the tree, where it is known already.
    func listener(in alive: [ProcessIdentity]?) -> ListenTable.Owner {
        ListenTable.owner(ofPort: mainPort, first: leader == nil ? nil : identity?.pid) {
            (alive ?? survivors()).map(\.pid)
        }
    }

    // MARK: The tree

    /// Every living process of the instance but its first, once that has ended; with it before.
    func survivors() -> [ProcessIdentity] {
        let (table, others) = strangers?.look() ?? (ProcessTable.now(), [])
        var entries: [ProcessTable.Entry]
        switch belonging {
        case .everyDescendant where isChild:
            let foreign = others.union(table.descendants(of: others).map(\.pid))
            entries = table.descendants(of: getpid()).filter { !foreign.contains($0.pid) }
        case .everyDescendant, .marked:
            entries = mark.tree(in: table)
            if let identity { entries += table.descendants(of: identity.pid) }
            if let identity {
                entries += table.entries.filter { $0.pid == identity.pid && $0.startTime == identity.startTime }
            }
        }
        return Set(entries.filter { !$0.isZombie }.map(ProcessIdentity.init)).sorted { $0.pid < $1.pid }
    }

    /// What it has done so far; nil where the kernel does not tell.
    /// - Parameter own: the ports of this keeper's own connections to it.
    func work(besides own: Set<Int>, at now: Duration) -> WorkSample? {
        WorkSample(port: mainPort, tree: survivors().map(\.pid), besides: own, at: now)
    }

    func signalTree(_ signal: Int32) {
        for process in survivors() { process.signal(signal) }
    }

    func killTree() {
        group?.kill()
        signalTree(SIGKILL)
    }

    /// - Returns: how the first process ended; nil if it has not, or was reaped before.
    mutating func reapLeader() -> ExitStatus? {
        guard let identity, leader != nil else { return nil }
        guard isChild else {
            leader = nil
            return .unknown
        }
        var status: Int32 = 0
        guard clp_reap(identity.pid, &status) == identity.pid else { return nil }
        leader = nil
        return ExitStatus(waitStatus: status)
    }

    /// Orphans of the tree that became this process's children, and have ended. The first process is `reapLeader`'s.
    func reapAdoptedChildren() {
        guard belonging == .everyDescendant else { return }
        for _ in 0..<Self.maximumReapedAtOnce {
            let ended = clp_ended_child()
            guard ended > 0, leader == nil || !isChild || ended != identity?.pid else { return }
            var status: Int32 = 0
            _ = clp_reap(ended, &status)
        }
    }

    /// - Parameter keepsPorts: false where this server could do nothing with them: connections that it does not know of
    ///   may bar a port for a minute to a server that is not prepared for that.
    mutating func forget(keepsPorts: Bool) {
        // The tree can be seen empty before the first process's end was handled.
        _ = reapLeader()
        leader = nil
        identity = nil
        if !keepsPorts { claims = [:] }
        warmupRequests = nil
        group?.remove()
        group = nil
    }
}
