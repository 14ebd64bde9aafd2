/// Decides what the keeper of one instance does. Pure: events and times go in, actions come out.
///
/// Times are durations since the keeper began. The same events at the same times give the same actions.
struct KeeperMachine: Hashable, Codable, Sendable {
    let policy: KeeperPolicy
    private(set) var stage: Stage = .new
    /// The server that runs, or that ran last.
    private(set) var server: Server?
    private(set) var restarts = 0
    /// Consecutive ends that were not a requested stop.
    private(set) var failures = 0
    /// The part of `failures` that was the server's own fault. A requested restart does not count.
    private(set) var crashes = 0
    private var isAskedToRestart = false
    /// Consecutive starts that the machine did not permit.
    private var blockedStarts = 0
    private(set) var reason: String?
    private(set) var hasEverBeenReady = false
    private var startup = ProbeClock()
    private var readiness = ProbeClock()
    private var liveness = ProbeClock()
    private var nextTreeLook: Duration?

    init(policy: KeeperPolicy) { self.policy = policy }

    mutating func handle(_ event: Event, at now: Duration) -> [Action] {
        if case .finished = stage { return [] }
        switch event {
        case .begin: return stage == .new ? [.spawn] : []
        case .adopted(let identity, let ports, let wasReady, let isWarm):
            return adopted(identity, ports, wasReady: wasReady, isWarm: isWarm, at: now)
        case .spawned(let identity, let ports): return spawned(identity, ports, at: now)
        case .spawnFailed(let reason, let isTerminal): return spawnFailed(reason, isTerminal, at: now)
        case .exited(let status, let survivors, let lastLine):
            return exited(status, survivors: survivors, lastLine: lastLine, at: now)
        case .probed(let probing, let outcome): return probed(probing, outcome, at: now)
        case .warmedUp(let outcome): return warmedUp(outcome, at: now)
        case .treeSeen(let alive, let ownsListener): return treeSeen(alive, ownsListener, at: now)
        case .timer: return due(at: now)
        case .stopRequested: return stopRequested(at: now)
        case .restartRequested(let why):
            guard hasServed else { return [] }
            isAskedToRestart = true
            return end(.restart(why), at: now)
        }
    }

    /// When to send `timer` next. Nil if only an event can change anything.
    var deadline: Duration? {
        var times: [Duration?] = [nextTreeLook]
        switch stage {
        case .new, .finished: return nil
        case .starting, .warmingUp:
            times += [startLimit, startup.nextAt, readiness.nextAt, liveness.nextAt]
        case .ready(let since):
            times += [readiness.nextAt, liveness.nextAt]
            if failures > 0 { times.append(since + KeeperLimits.provenAfter) }
        case .unready: times += [readiness.nextAt, liveness.nextAt]
        case .ending(let ending): times += [ending.killAt, ending.giveUpAt]
        case .backingOff(let until), .blocked(let until): times.append(until)
        }
        return times.compactMap { $0 }.min()
    }

    private var startLimit: Duration? { server.map { $0.startedAt + policy.startLimit } }
}

// MARK: - The server starts

extension KeeperMachine {
    private mutating func spawned(
        _ identity: ProcessIdentity, _ ports: [String: Int], at now: Duration
    ) -> [Action] {
        guard stage == .new else { return [] }
        server = Server(identity: identity, ports: ports, startedAt: now)
        stage = .starting
        if blockedStarts > 0 { reason = nil }
        blockedStarts = 0
        resetClocks()
        if let probe = policy.startup {
            startup.nextAt = now + probe.initialDelay
        } else {
            startRegularProbes(at: now, delaying: true)
        }
        return due(at: now)
    }

    private mutating func adopted(
        _ identity: ProcessIdentity, _ ports: [String: Int], wasReady: Bool, isWarm: Bool, at now: Duration
    ) -> [Action] {
        guard stage == .new else { return [] }
        server = Server(identity: identity, ports: ports, startedAt: now, isWarm: isWarm)
        resetClocks()
        hasEverBeenReady = wasReady
        stage = wasReady ? .ready(since: now) : .starting
        if !wasReady, policy.startup != nil {
            startup.nextAt = now
        } else {
            startRegularProbes(at: now, delaying: false)
        }
        return due(at: now)
    }

    private mutating func spawnFailed(_ reason: String, _ isTerminal: Bool, at now: Duration) -> [Action] {
        guard stage == .new else { return [] }
        guard isTerminal else { return block(because: reason, at: now) }
        // A server that was ready once may start again later, for example after its virtual environment is rebuilt.
        if !hasEverBeenReady {
            stage = .finished(.failed(reason))
            self.reason = reason
            return [.forgetServer, .leave(exitCode: 1)]
        }
        return backOff(because: reason, at: now)
    }

    private mutating func block(because why: String, at now: Duration) -> [Action] {
        blockedStarts += 1
        reason = why
        resetClocks()
        stage = .blocked(until: now + KeeperLimits.restartDelay(failures: blockedStarts))
        return [.forgetServer]
    }

    /// Starts the readiness and liveness probes: the start-up probe succeeded, or there is none.
    private mutating func startRegularProbes(at now: Duration, delaying: Bool) {
        startup.nextAt = nil
        readiness.nextAt = now + (delaying ? policy.readiness.initialDelay : .zero)
        if let probe = policy.liveness { liveness.nextAt = now + (delaying ? probe.initialDelay : .zero) }
    }

    private mutating func resetClocks() {
        startup = ProbeClock()
        readiness = ProbeClock()
        liveness = ProbeClock()
        nextTreeLook = nil
    }
}

// MARK: - The server runs

extension KeeperMachine {
    private mutating func due(at now: Duration) -> [Action] {
        switch stage {
        case .new, .finished: return []
        case .backingOff(let until):
            guard now >= until else { return [] }
            restarts += 1
            stage = .new
            return [.spawn]
        case .blocked(let until):
            guard now >= until else { return [] }
            stage = .new
            return [.spawn]
        case .ending(let ending): return endingActions(ending, at: now)
        case .starting, .warmingUp:
            if let startLimit, now >= startLimit {
                let said = reason.map { "; last reason: \($0)" } ?? ""
                return end(.restart("not ready within \(policy.startLimit.spoken)\(said)"), at: now)
            }
        case .ready(let since):
            if failures > 0, now >= since + KeeperLimits.provenAfter { (failures, crashes) = (0, 0) }
        case .unready: break
        }
        var actions: [Action] = []
        if startup.isDue(at: now) { actions.append(.probe(.startup)) }
        if stage != .warmingUp, readiness.isDue(at: now) { actions.append(.probe(.readiness)) }
        if liveness.isDue(at: now) { actions.append(.probe(.liveness)) }
        if isTreeInspectionDue(at: now) { actions.append(.lookAtTree) }
        return actions
    }

    private mutating func probed(_ probing: Probing, _ outcome: ProbeOutcome, at now: Duration) -> [Action] {
        guard isProbing, let server else { return [] }
        if case .foreignListener(let why) = outcome, !hasBeenUp {
            return end(.restart(why), at: now)
        }
        switch probing {
        case .startup:
            guard let probe = policy.startup else { return [] }
            let isUp = startup.note(outcome, probe).hasSucceeded
            if isUp {
                startRegularProbes(at: now, delaying: true)
            } else {
                startup.nextAt = now + interval(probe, server, now)
            }
            noteStarting(outcome)
        case .liveness:
            guard let probe = policy.liveness else { return [] }
            liveness.nextAt = now + probe.period
            // A busy server is not restarted: that would lose the requests it works on, and load the model again for nothing.
            if case .busy = outcome {
                liveness = ProbeClock(nextAt: liveness.nextAt)
                return due(at: now)
            }
            if liveness.note(outcome, probe).hasFailed, stage != .starting || policy.startup != nil {
                return end(.restart("the liveness probe failed \(liveness.failures) times: \(outcome.spoken)"), at: now)
            }
        case .readiness: return readinessProbed(outcome, server, at: now)
        }
        return due(at: now)
    }

    private mutating func readinessProbed(_ outcome: ProbeOutcome, _ server: Server, at now: Duration) -> [Action] {
        let judged = readiness.note(outcome, policy.readiness)
        readiness.nextAt = now + interval(policy.readiness, server, now)
        switch stage {
        case .starting:
            noteStarting(outcome)
            guard judged.hasSucceeded else { break }
            if policy.hasWarmup && !server.isWarm {
                stage = .warmingUp
                readiness.nextAt = nil
                return [.warmUp] + due(at: now)
            }
            becomeReady(at: now)
        case .unready:
            if judged.hasSucceeded { becomeReady(at: now) }
        case .ready:
            if judged.hasFailed {
                stage = .unready
                reason = "the readiness probe fails: \(outcome.spoken)"
            }
        case .new, .warmingUp, .ending, .backingOff, .blocked, .finished: break
        }
        return due(at: now)
    }

    private mutating func warmedUp(_ outcome: WarmupOutcome, at now: Duration) -> [Action] {
        guard stage == .warmingUp else { return [] }
        switch outcome {
        case .played(let notes):
            server?.isWarm = true
            becomeReady(at: now)
            reason = notes
        case .failed(let why):
            stage = .starting
            reason = why
            readiness = ProbeClock(nextAt: now + KeeperLimits.warmUpRetryDelay)
        }
        return due(at: now)
    }

    private mutating func becomeReady(at now: Duration) {
        stage = .ready(since: now)
        reason = nil
        hasEverBeenReady = true
        server?.isWarm = true
        readiness.nextAt = now + policy.readiness.period
    }

    private mutating func noteStarting(_ outcome: ProbeOutcome) {
        guard failures == 0, case .starting = stage else { return }
        reason = outcome == .success ? nil : outcome.spoken
    }

    private func interval(_ probe: ProbePolicy, _ server: Server, _ now: Duration) -> Duration {
        guard case .starting = stage else { return probe.period }
        return KeeperLimits.firstProbeInterval(sinceStart: now - server.startedAt, period: probe.period)
    }

    private var isProbing: Bool {
        switch stage {
        case .starting, .warmingUp, .ready, .unready: true
        case .new, .ending, .backingOff, .blocked, .finished: false
        }
    }

    private var hasServed: Bool {
        switch stage {
        case .ready, .unready: true
        case .new, .starting, .warmingUp, .ending, .backingOff, .blocked, .finished: false
        }
    }

    private var hasBeenUp: Bool {
        switch stage {
        case .ready, .unready, .warmingUp: true
        case .new, .starting, .ending, .backingOff, .blocked, .finished: false
        }
    }
}

// MARK: - The server ends

extension KeeperMachine {
    private mutating func exited(
        _ status: ExitStatus, survivors: Int, lastLine: String?, at now: Duration
    ) -> [Action] {
        switch stage {
        case .ending:
            nextTreeLook = now
            return due(at: now)
        case .starting, .warmingUp, .ready, .unready:
            guard survivors == 0 else {
                server?.leaderLeft = LeaderExit(status: status, at: now)
                nextTreeLook = now
                return due(at: now)
            }
            return backOff(because: status.spoken + (lastLine.map { "; last line: \($0)" } ?? ""), at: now)
        case .new, .backingOff, .blocked, .finished: return []
        }
    }

    private mutating func treeSeen(_ alive: Int, _ ownsListener: Bool, at now: Duration) -> [Action] {
        if case .ending(let ending) = stage {
            guard alive == 0 else {
                nextTreeLook = now + KeeperLimits.endingLookInterval
                return []
            }
            return ended(ending, at: now)
        }
        guard isProbing, let left = server?.leaderLeft else { return [] }
        if alive == 0 { return backOff(because: left.status.spoken, at: now) }
        // During a start, the forked process that will listen may not exist yet.
        if !ownsListener, hasBeenUp || now >= left.at + KeeperLimits.forkGrace {
            return end(
                .restart("\(left.status.spoken), and its remaining processes do not listen on its port"), at: now)
        }
        nextTreeLook = now + KeeperLimits.treeLookInterval
        return []
    }

    private mutating func stopRequested(at now: Duration) -> [Action] {
        switch stage {
        case .new, .backingOff, .blocked: return finish()
        case .starting, .warmingUp, .ready, .unready: return end(.stop, at: now)
        case .ending(var ending):
            ending.then = .stop
            stage = .ending(ending)
            return []
        case .finished: return []
        }
    }

    private mutating func end(_ then: Ending.Then, at now: Duration) -> [Action] {
        if case .restart(let why) = then { reason = why }
        let killAt = now + policy.grace
        stage = .ending(Ending(then: then, killAt: killAt, giveUpAt: killAt + KeeperLimits.killPatience))
        nextTreeLook = now + KeeperLimits.endingLookInterval
        return [.terminateTree]
    }

    private mutating func endingActions(_ ending: Ending, at now: Duration) -> [Action] {
        if now >= ending.giveUpAt {
            reason =
                "processes of the instance do not end after SIGKILL: they are stuck in the kernel. See the kernel log and `ps`."
            stage = .finished(.failed(reason ?? ""))
            return [.forgetServer, .leave(exitCode: 1)]
        }
        var actions: [Action] = []
        if now >= ending.killAt {
            var again = ending
            again.killAt = now + KeeperLimits.killInterval
            stage = .ending(again)
            actions.append(.killTree)
        }
        if isTreeInspectionDue(at: now) { actions.append(.lookAtTree) }
        return actions
    }

    private mutating func ended(_ ending: Ending, at now: Duration) -> [Action] {
        switch ending.then {
        case .stop: return finish()
        case .restart(let why): return backOff(because: why, at: now)
        }
    }

    private mutating func finish() -> [Action] {
        stage = .finished(.stopped)
        reason = nil
        return [.forgetServer, .leave(exitCode: 0)]
    }

    private mutating func backOff(because why: String, at now: Duration) -> [Action] {
        failures += 1
        if !isAskedToRestart { crashes += 1 }
        isAskedToRestart = false
        reason = failures < KeeperLimits.crashLoop ? why : "\(why) (\(failures) times in a row; see `mlctl logs`)"
        server?.leaderLeft = nil
        resetClocks()
        stage = .backingOff(until: now + KeeperLimits.restartDelay(failures: failures))
        return [.forgetServer]
    }

    private mutating func isTreeInspectionDue(at now: Duration) -> Bool {
        guard let at = nextTreeLook, now >= at else { return false }
        nextTreeLook = nil
        return true
    }
}
