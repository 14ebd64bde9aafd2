import Glibc
import ModelManifests
import TestSupport
import Testing

@testable import LocalServing

@Suite("Decisions of the keeper")
struct KeeperMachineTests {
    let identity = ProcessIdentity(pid: 100, startTime: 7)
    let ports = ["http": 20_000]

    private func machine(_ policy: KeeperPolicy = KeeperPolicy()) -> KeeperMachine { KeeperMachine(policy: policy) }

    /// Started at 0, with its first readiness probe in progress.
    private func started(_ policy: KeeperPolicy = KeeperPolicy()) -> KeeperMachine {
        var machine = machine(policy)
        #expect(machine.handle(.begin, at: .zero) == [.spawn])
        _ = machine.handle(.spawned(identity, ports: ports), at: .zero)
        return machine
    }

    private func ready(_ policy: KeeperPolicy = KeeperPolicy()) -> KeeperMachine {
        var machine = started(policy)
        _ = machine.handle(.probed(.readiness, .success), at: .milliseconds(100))
        #expect(machine.status.phase == .ready)
        return machine
    }

    @Test("the first probe is sent at once, the next ones soon, until the server is ready")
    func eagerProbes() {
        var machine = machine()
        _ = machine.handle(.begin, at: .zero)
        #expect(machine.handle(.spawned(identity, ports: ports), at: .zero) == [.probe(.readiness)])
        #expect(machine.handle(.timer, at: .milliseconds(10)) == [])
        #expect(machine.handle(.probed(.readiness, .failure("no")), at: .milliseconds(20)) == [])
        #expect(machine.deadline == .milliseconds(70))
        #expect(machine.handle(.timer, at: .milliseconds(70)) == [.probe(.readiness)])
        #expect(machine.handle(.probed(.readiness, .success), at: .milliseconds(80)) == [])
        #expect(machine.status.phase == .ready)
        #expect(machine.deadline == .milliseconds(10_080))
    }

    @Test("a slow loader is probed less and less often")
    func patientProbes() {
        #expect(KeeperLimits.firstProbeInterval(sinceStart: .seconds(1), period: .seconds(1)) == .milliseconds(50))
        #expect(KeeperLimits.firstProbeInterval(sinceStart: .seconds(30), period: .seconds(1)) == .milliseconds(250))
        #expect(KeeperLimits.firstProbeInterval(sinceStart: .seconds(300), period: .seconds(1)) == .seconds(1))
    }

    @Test("the delay of restarts doubles, up to a limit")
    func backOff() {
        let delays = (1...12).map { KeeperLimits.restartDelay(failures: $0) }
        #expect(Array(delays.prefix(4)) == [100, 200, 400, 800].map { Duration.milliseconds($0) })
        #expect(delays.last == KeeperLimits.longestRestartDelay)
    }

    @Test("consecutive ends are a crash loop; a minute of readiness resets the count")
    func crashLoop() {
        var machine = machine()
        var now = Duration.zero
        _ = machine.handle(.begin, at: now)
        for _ in 0..<3 {
            _ = machine.handle(.spawned(identity, ports: ports), at: now)
            #expect(machine.handle(.exited(.exited(1), survivors: 0, lastLine: "boom"), at: now) == [.forgetServer])
            now = machine.deadline ?? now
            #expect(machine.handle(.timer, at: now) == [.spawn])
        }
        #expect(machine.status.phase == .crashLooping)
        #expect(
            machine.status.reason
                == "the server exited with status 1; last line: boom (3 times in a row; see `mlctl logs`)")
        _ = machine.handle(.spawned(identity, ports: ports), at: now)
        #expect(machine.status.phase == .crashLooping)
        _ = machine.handle(.probed(.readiness, .success), at: now)
        #expect(machine.status.phase == .ready)
        #expect(machine.failures == 3)
        now += KeeperLimits.provenAfter
        _ = machine.handle(.timer, at: now)
        #expect(machine.failures == 0)
        _ = machine.handle(.exited(.exited(1), survivors: 0, lastLine: nil), at: now)
        #expect(machine.status.phase == .starting)
        #expect(machine.deadline == now + KeeperLimits.firstRestartDelay)
    }

    @Test("readiness is lost after its failure threshold, and returns after its success threshold")
    func readiness() {
        var policy = KeeperPolicy()
        policy.readiness.failureThreshold = 2
        policy.readiness.successThreshold = 2
        var machine = started(policy)
        _ = machine.handle(.probed(.readiness, .success), at: .milliseconds(1))
        #expect(machine.status.phase == .starting)
        _ = machine.handle(.probed(.readiness, .success), at: .milliseconds(60))
        #expect(machine.status.phase == .ready)
        _ = machine.handle(.probed(.readiness, .failure("slow")), at: .seconds(2))
        #expect(machine.status.phase == .ready)
        _ = machine.handle(.probed(.readiness, .failure("slow")), at: .seconds(3))
        #expect(machine.status.phase == .unready)
        #expect(machine.status.reason == "the readiness probe fails: slow")
        _ = machine.handle(.probed(.readiness, .success), at: .seconds(4))
        #expect(machine.status.phase == .unready)
        _ = machine.handle(.probed(.readiness, .success), at: .seconds(5))
        #expect(machine.status.phase == .ready)
        #expect(machine.status.reason == nil)
    }

    @Test("liveness ends no server without a start-up probe before it was ready")
    func livenessWhileLoading() {
        var machine = started(KeeperPolicy(liveness: ProbePolicy()))
        for second in 1...10 {
            #expect(
                !machine.handle(.probed(.liveness, .failure("loading")), at: .seconds(second)).contains(.terminateTree))
        }
        _ = machine.handle(.probed(.readiness, .success), at: .seconds(11))
        let actions = machine.handle(.probed(.liveness, .failure("dead")), at: .seconds(12))
        #expect(actions == [.terminateTree])
    }

    @Test("other probes wait until the start-up probe succeeds")
    func startup() {
        var machine = machine(KeeperPolicy(startup: ProbePolicy(), liveness: ProbePolicy()))
        _ = machine.handle(.begin, at: .zero)
        #expect(machine.handle(.spawned(identity, ports: ports), at: .zero) == [.probe(.startup)])
        #expect(machine.handle(.probed(.startup, .failure("no")), at: .zero) == [])
        #expect(machine.handle(.timer, at: .milliseconds(50)) == [.probe(.startup)])
        #expect(
            machine.handle(.probed(.startup, .success), at: .milliseconds(60)) == [
                .probe(.readiness), .probe(.liveness),
            ])
    }

    @Test("a start that takes too long is ended and retried")
    func startLimit() {
        var machine = started()
        _ = machine.handle(.probed(.readiness, .failure("loading")), at: .seconds(1))
        #expect(machine.handle(.timer, at: KeeperLimits.startUp) == [.terminateTree])
        #expect(
            machine.handle(.exited(.signalled(SIGTERM), survivors: 0, lastLine: nil), at: .seconds(601)) == [
                .lookAtTree
            ])
        #expect(machine.handle(.treeSeen(alive: 0, ownsListener: false), at: .seconds(601)) == [.forgetServer])
        #expect(machine.status.reason == "not ready within 10m; last reason: loading")
    }

    @Test("warm-up requests are sent once per server, and retried later if they fail")
    func warmUp() {
        var machine = started(KeeperPolicy(hasWarmup: true))
        #expect(machine.handle(.probed(.readiness, .success), at: .zero) == [.warmUp])
        #expect(machine.status.phase == .starting)
        #expect(machine.handle(.warmedUp(.failed("500")), at: .seconds(1)) == [])
        #expect(machine.status.reason == "500")
        #expect(machine.handle(.timer, at: .seconds(2)) == [.probe(.readiness)])
        #expect(machine.handle(.probed(.readiness, .success), at: .seconds(2)) == [.warmUp])
        #expect(machine.handle(.warmedUp(.played(notes: nil)), at: .seconds(3)) == [])
        #expect(machine.status.phase == .ready)
        for second in 4...6 { _ = machine.handle(.probed(.readiness, .failure("x")), at: .seconds(second)) }
        #expect(machine.status.phase == .unready)
        #expect(!machine.handle(.probed(.readiness, .success), at: .seconds(7)).contains(.warmUp))
        #expect(machine.status.phase == .ready)
    }

    @Test("after SIGTERM comes the grace period, then SIGKILL until nothing runs")
    func stop() {
        var machine = ready()
        #expect(machine.handle(.stopRequested, at: .seconds(1)) == [.terminateTree])
        #expect(machine.handle(.exited(.exited(0), survivors: 2, lastLine: nil), at: .seconds(2)) == [.lookAtTree])
        #expect(machine.handle(.treeSeen(alive: 2, ownsListener: false), at: .seconds(2)) == [])
        #expect(machine.handle(.timer, at: .seconds(31)).contains(.killTree))
        #expect(
            machine.handle(.treeSeen(alive: 0, ownsListener: false), at: .seconds(31)) == [
                .forgetServer, .leave(exitCode: 0),
            ])
        #expect(machine.status.phase == .stopped)
        #expect(machine.deadline == nil)
    }

    @Test("processes that SIGKILL does not end are reported, and the keeper exits")
    func undying() {
        var machine = ready()
        _ = machine.handle(.stopRequested, at: .zero)
        let giveUp = Duration.seconds(30) + KeeperLimits.killPatience
        #expect(machine.handle(.timer, at: giveUp) == [.forgetServer, .leave(exitCode: 1)])
        #expect(machine.status.phase == .failed)
    }

    @Test("an instance lives as long as a remaining process of its tree owns the listener")
    func leaderLeaves() {
        var machine = started()
        #expect(machine.handle(.exited(.exited(0), survivors: 1, lastLine: nil), at: .zero).contains(.lookAtTree))
        // The remaining process does not listen yet.
        #expect(machine.handle(.treeSeen(alive: 1, ownsListener: false), at: .zero) == [])
        _ = machine.handle(.probed(.readiness, .success), at: .milliseconds(500))
        #expect(machine.status.phase == .ready)
        #expect(machine.handle(.treeSeen(alive: 1, ownsListener: true), at: .seconds(5)) == [])
        #expect(machine.handle(.treeSeen(alive: 1, ownsListener: false), at: .seconds(6)) == [.terminateTree])
    }

    @Test("a port that another process took is given up while the server starts")
    func foreignListener() {
        var machine = started()
        #expect(machine.handle(.probed(.readiness, .foreignListener("taken")), at: .seconds(1)) == [.terminateTree])
    }

    @Test("a missing command is final, unless the server ran before")
    func missingCommand() {
        var fresh = machine()
        _ = fresh.handle(.begin, at: .zero)
        #expect(
            fresh.handle(.spawnFailed("gone", isTerminal: true), at: .zero) == [.forgetServer, .leave(exitCode: 1)])
        #expect(fresh.status.phase == .failed)

        var proven = ready()
        _ = proven.handle(.exited(.exited(1), survivors: 0, lastLine: nil), at: .seconds(1))
        #expect(proven.handle(.timer, at: .seconds(2)) == [.spawn])
        #expect(proven.handle(.spawnFailed("gone", isTerminal: true), at: .seconds(2)) == [.forgetServer])
        #expect(proven.status.phase == .starting)
    }

    @Test("a start that the machine blocks is not a failure: it is retried with growing delays")
    func blocked() {
        var machine = machine()
        var now = Duration.zero
        _ = machine.handle(.begin, at: now)
        var delays: [Duration] = []
        for _ in 0..<12 {
            #expect(machine.handle(.spawnFailed("no memory", isTerminal: false), at: now) == [.forgetServer])
            #expect(machine.status.phase == .blocked)
            #expect(machine.status.reason == "no memory")
            delays.append((machine.deadline ?? .zero) - now)
            now = machine.deadline ?? now
            #expect(machine.handle(.timer, at: now) == [.spawn])
        }
        #expect(delays == delays.sorted())
        #expect(delays.first == KeeperLimits.firstRestartDelay)
        #expect(delays.last == .seconds(30))
        _ = machine.handle(.spawned(identity, ports: ports), at: now)
        #expect(machine.status.phase == .starting)
        #expect(machine.status.reason == nil)
        #expect(machine.restarts == 0)
        #expect(machine.failures == 0)
    }

    @Test("a server that serves worse than its siblings is ended in the regular way and restarted")
    func restartRequested() {
        var machine = ready()
        #expect(machine.handle(.restartRequested("it fails"), at: .seconds(5)) == [.terminateTree])
        #expect(machine.status.reason == "it fails")
        // A second request changes nothing.
        #expect(machine.handle(.restartRequested("it fails"), at: .milliseconds(5_001)) == [])
        _ = machine.handle(.treeSeen(alive: 0, ownsListener: false), at: .milliseconds(5_050))
        #expect(machine.handle(.timer, at: .milliseconds(5_150)) == [.spawn])
        #expect(machine.status.restarts == 1)
        // A requested restart is not a crash, however often it happens, but it increases the next delay.
        #expect(machine.failures == 1 && machine.crashes == 0)
        var loading = started()
        #expect(loading.handle(.restartRequested("it fails"), at: .milliseconds(50)) == [])
    }

    @Test("a blocked instance that is asked to stop ends at once")
    func blockedStops() {
        var machine = machine()
        _ = machine.handle(.begin, at: .zero)
        _ = machine.handle(.spawnFailed("no memory", isTerminal: false), at: .zero)
        #expect(machine.handle(.stopRequested, at: .zero) == [.forgetServer, .leave(exitCode: 0)])
    }

    @Test("the liveness probe does not end a server that works on requests, but ends one that does nothing")
    func busy() {
        var machine = ready(KeeperPolicy(liveness: ProbePolicy()))
        for turn in 1...20 {
            let now = Duration.seconds(turn * 10)
            _ = machine.handle(.timer, at: now)
            #expect(!machine.handle(.probed(.liveness, .busy("at work")), at: now).contains(.terminateTree))
        }
        for turn in 21...22 {
            let actions = machine.handle(.probed(.liveness, .failure("late")), at: .seconds(turn * 10))
            #expect(!actions.contains(.terminateTree))
        }
        #expect(machine.handle(.probed(.liveness, .failure("late")), at: .seconds(230)) == [.terminateTree])
    }

    @Test("an adopted server that was ready is ready at once, and gets no warm-up again")
    func adopted() {
        var machine = machine(KeeperPolicy(hasWarmup: true))
        let actions = machine.handle(.adopted(identity, ports: ports, wasReady: true, isWarm: true), at: .zero)
        #expect(actions == [.probe(.readiness)])
        #expect(machine.status.phase == .ready)
        #expect(machine.handle(.probed(.readiness, .success), at: .zero) == [])
        #expect(machine.handle(.begin, at: .zero) == [])
    }

    @Test("the machine can be encoded and decoded at any moment")
    func codable() throws {
        var machine = ready(KeeperPolicy(startup: nil, liveness: ProbePolicy(), hasWarmup: false))
        _ = machine.handle(.stopRequested, at: .seconds(3))
        let read = try JSONRoundTrip.read(machine)
        #expect(read == machine)
    }

    /// A world with random results: servers crash, hang, fork or end slowly. In the end a stop is requested.
    @Test(
        "in every sequence it never runs two servers, always has a next deadline, and ends when asked",
        arguments: 0..<200)
    func randomWorld(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var policy = KeeperPolicy(grace: .milliseconds(500), startLimit: .seconds(20))
        if Bool.random(using: &random) { policy.startup = ProbePolicy() }
        if Bool.random(using: &random) { policy.liveness = ProbePolicy() }
        policy.hasWarmup = Bool.random(using: &random)
        var world = KeeperWorld(machine: KeeperMachine(policy: policy), random: random)
        world.live(events: 400)
        #expect(world.complaints == [], "seed \(seed)")
        world.stop()
        #expect(world.complaints == [], "seed \(seed)")
        #expect(world.exitCode == 0, "seed \(seed)")
        #expect(world.alive == 0, "seed \(seed)")
    }
}

/// Plays the shell, and refuses sequences that are impossible for a shell.
struct KeeperWorld {
    var machine: KeeperMachine
    var random: SeededRandom
    var now = Duration.zero
    var alive = 0
    var leaderRuns = false
    var underWay: Set<KeeperMachine.Probing> = []
    var warmupUnderWay = false
    var exitCode: Int32?
    var complaints: [String] = []
    private var nextPid: Int32 = 1

    init(machine: KeeperMachine, random: SeededRandom) {
        self.machine = machine
        self.random = random
    }

    mutating func live(events: Int) {
        feed(.begin)
        for _ in 0..<events where exitCode == nil {
            step()
            let isAwaiting = warmupUnderWay || !underWay.isEmpty
            if machine.deadline == nil, !isAwaiting, exitCode == nil {
                complaints.append("no deadline in \(machine.stage)")
            }
            if machine.status.phase == .ready, alive == 0 { complaints.append("ready without a server") }
        }
    }

    mutating func stop() {
        feed(.stopRequested)
        for _ in 0..<1000 where exitCode == nil { step() }
    }

    private mutating func step() {
        switch Int.random(in: 0..<10, using: &random) {
        case 0 where leaderRuns: leaderEnds()
        case 1...4: answerOne()
        default:
            now = max(now, machine.deadline ?? now)
            feed(.timer)
        }
    }

    private mutating func leaderEnds() {
        leaderRuns = false
        alive -= 1
        if Bool.random(using: &random) { alive = 0 }
        feed(.exited(.exited(Int32.random(in: 0...2, using: &random)), survivors: alive, lastLine: nil))
    }

    private mutating func answerOne() {
        now += .milliseconds(Int.random(in: 0...50, using: &random))
        if warmupUnderWay {
            warmupUnderWay = false
            feed(.warmedUp(Bool.random(using: &random) ? .played(notes: nil) : .failed("500")))
        } else if let kind = underWay.sorted(by: { $0.rawValue < $1.rawValue }).randomElement(using: &random) {
            underWay.remove(kind)
            feed(.probed(kind, Int.random(in: 0..<4, using: &random) == 0 ? .failure("no") : .success))
        }
    }

    private mutating func feed(_ event: KeeperMachine.Event) {
        for action in machine.handle(event, at: now) { carryOut(action) }
    }

    private mutating func carryOut(_ action: KeeperMachine.Action) {
        switch action {
        case .spawn:
            if alive > 0 { complaints.append("a second server beside \(alive) processes") }
            guard Int.random(in: 0..<8, using: &random) > 0 else {
                feed(.spawnFailed("no memory", isTerminal: false))
                return
            }
            alive = Int.random(in: 1...3, using: &random)
            leaderRuns = true
            nextPid += 1
            feed(.spawned(ProcessIdentity(pid: nextPid, startTime: 1), ports: ["http": 1]))
        case .probe(let kind):
            if !underWay.insert(kind).inserted { complaints.append("two \(kind) probes at a time") }
        case .warmUp: warmupUnderWay = true
        case .lookAtTree:
            // Without its first process, a tree may end by itself.
            if !leaderRuns, Bool.random(using: &random) { alive = max(alive - 1, 0) }
            feed(.treeSeen(alive: alive, ownsListener: Bool.random(using: &random)))
        case .terminateTree:
            underWay = []
            warmupUnderWay = false
            if Bool.random(using: &random) { alive = leaderRuns ? 1 : 0 }
        case .killTree:
            alive = 0
            if leaderRuns {
                leaderRuns = false
                feed(.exited(.signalled(9), survivors: 0, lastLine: nil))
            }
        case .forgetServer:
            underWay = []
            warmupUnderWay = false
        case .leave(let code): exitCode = code
        }
    }
}
