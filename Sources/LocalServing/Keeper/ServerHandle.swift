import CLinuxProcess
import Glibc
import ModelManifests

/// The keeper's access to one server: its ports, its first process, and the process tree below it.
struct ServerHandle {
    private let state: StateFolder
    private let folder: InstanceFolder
    private let spec: InstanceSpec
    private let belonging: Keeper.Belonging
    private let mark: ProcessMark
    private static let maximumReapedAtOnce = 1000
    /// Processes started by this process that do not belong to the instance.
    private let strangers: LaunchedProxies?
    private var claims: [String: PortClaim] = [:]
    private(set) var ports: [String: Int] = [:]
    /// This server's ports differ from those of the last server, which the proxy may still use.
    private(set) var hasMoved = false
    private var identity: ProcessIdentity?
    /// Whether this keeper started the server. False for an adopted server.
    private var isChild = false
    private var group: ControlGroup?
    /// Becomes readable when the first process has ended. Nil if none runs.
    private(set) var leader: Descriptor?
    private(set) var warmupRequests: WarmupRequests?
    private(set) var limitsNotEnforced: String?
    /// Secrets of this server and of earlier ones, because output of any of them may still be in the pipe.
    private(set) var secrets: [String] = []
    private static let maximumSecrets = 400

    init(
        state: StateFolder, folder: InstanceFolder, spec: InstanceSpec, belonging: Keeper.Belonging,
        strangers: LaunchedProxies? = nil
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
                .stateUnreadable, "the model's folder \(working) cannot be entered: \(SystemError.last).")
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
        let group = makeControlGroup()
        let pid = try DetachedProcess.spawn(
            program: command.program, arguments: command.arguments,
            environment: environment.assignments(as: confinement?.user), workingFolder: working,
            output: .pipe(folder.logPipe), confinement: confinement)
        self.group = group
        join(group, pid)
        // `reapLeader` has not reaped the process yet, so the pid still belongs to it, even if it has ended.
        leader = Descriptor(try SystemError.check(clp_pidfd_open(pid)))
        isChild = true
        let identity = ProcessIdentity(pid: pid, startTime: ProcessTable.Entry(pid: pid)?.startTime ?? 0)
        self.identity = identity
        return identity
    }

    /// Gives the working folder to the user, if it belongs to this instance. Everyone can read the model's files.
    private func give(_ working: String, to user: SystemUser) throws {
        guard working == folder.work, chown(working, user.id, user.group) != 0 else { return }
        throw LocalServingError(
            .stateUnreadable, "the owner of \(working) cannot be changed to the user \(user.name): \(SystemError.last)."
        )
    }

    /// Reuses the last server's ports if nobody took them meanwhile. Then the proxy reaches the new server without an update.
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

    /// Keeps the ports of a server that ended together with its keeper.
    mutating func keepPorts(of status: InstanceStatus) {
        ports = status.keptPorts ?? status.ports
        claims = ports.compactMapValues(PortClaim.claim(port:))
    }

    /// The ports that the next server gets. Nil while a server runs.
    var keptPorts: [String: Int]? { identity == nil && !ports.isEmpty ? ports : nil }

    private mutating func makeControlGroup() -> ControlGroup? {
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

    /// Adopts the server of a keeper that was killed. A pid counts only together with its start time and the instance's mark.
    mutating func adopt(_ status: InstanceStatus) -> ProcessIdentity? {
        guard let identity = status.server, mark.vouches(for: identity) else {
            // The first process may have ended while others of its tree run. None of them may run beside a new server.
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

    /// The secrets that the server was started with. The secret files may have changed since.
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

    /// A port by its name, or by the number that it has in a cluster. Any other number is used as it is.
    func port(named name: String?) -> Int {
        guard let name else { return mainPort }
        if let port = ports[name] { return port }
        let number = Int(name)
        if let number, let named = spec.template.runtime.ports.first(where: { $0.containerPort == number }) {
            return ports[named.name] ?? mainPort
        }
        return number ?? mainPort
    }

    /// Who listens on `PORT`.
    /// - Parameter alive: the process tree, if it is already known.
    func listener(in alive: [ProcessIdentity]?) -> ListenTable.Owner {
        ListenTable.owner(ofPort: mainPort, first: leader == nil ? nil : identity?.pid) {
            (alive ?? survivors()).map(\.pid)
        }
    }

    // MARK: The tree

    /// Every running process of the instance, including the first process while that runs.
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

    /// What the server has done so far. Nil if the kernel does not report it.
    /// - Parameter own: the local ports of this keeper's own connections to the server.
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

    /// - Returns: how the first process ended. Nil if it has not ended, or was reaped before.
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

    /// Reaps ended orphans of the tree, which became children of this process. `reapLeader` reaps the first process.
    func reapAdoptedChildren() {
        guard belonging == .everyDescendant else { return }
        for _ in 0..<Self.maximumReapedAtOnce {
            let ended = clp_ended_child()
            guard ended > 0, leader == nil || !isChild || ended != identity?.pid else { return }
            var status: Int32 = 0
            _ = clp_reap(ended, &status)
        }
    }

    /// - Parameter keepsPorts: false if the next server may be unable to reuse the ports: leftover connections can block a port
    ///   for a minute, unless the server is prepared for that.
    mutating func forget(keepsPorts: Bool) {
        // The tree can look empty before the end of the first process was handled.
        _ = reapLeader()
        leader = nil
        identity = nil
        if !keepsPorts { claims = [:] }
        warmupRequests = nil
        group?.remove()
        group = nil
    }
}
