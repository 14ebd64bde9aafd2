import Analysis
import Foundation
import ModelManifests
import Rollouts
import Serving

/// A small model of a machine: instances that load, crash and answer, a proxy that follows plans and counts, and a store that
/// survives the controller. It refuses what a real backend would refuse.
package struct World {
    /// How a model behaves, by its version's first word: `good-3`, `bad-2`, `crashing-1`, `stuck-1`.
    package enum Quality: String, CaseIterable {
        case good, bad, crashing, stuck
        /// Ready, then not, and so on.
        case flapping
        /// The machine prevents its start while `machineTrouble` says so.
        case blocked
        /// No longer ready, for good, although it does not crash.
        case dead
        /// Serves, and ends now and then: `World.endsPerTick` says how often.
        case restarting

        /// Those that the simulation draws from: its seeds depend on their number.
        package static let simulated: [Quality] = allCases.filter { $0 != .restarting }

        package init(version: String) {
            self = Quality(rawValue: String(version.prefix { $0 != "-" })) ?? .good
        }
    }

    package struct Instance: Equatable {
        package var id: String
        package var revision: Revision
        package var quality: Quality
        package var age = 0
        package var restarts = 0
        /// Ends in a row, since it has been ready for a minute.
        package var crashes = 0
        package var counters = RequestCounters(latency: [0], bounds: [1])
        /// Newest last.
        package var failedRequestIds: [String] = []
        /// Gets no new requests, and ends at the next tick.
        package var isLeaving = false
        /// Whether the machine blocks it now.
        package var isMachineInTheWay = false

        package var condition: InstanceObservation.Condition {
            if isLeaving { return .draining }
            return switch quality {
            case .crashing: restarts >= 3 ? .crashLooping : .starting
            case .stuck: .starting
            case .good, .bad: age >= World.loadTicks ? .ready : .starting
            case .flapping: age < World.loadTicks ? .starting : age / World.flapTicks % 2 == 0 ? .ready : .unready
            case .blocked: isMachineInTheWay ? .blocked : age >= World.loadTicks ? .ready : .starting
            case .dead: age >= World.loadTicks ? .unready : .starting
            case .restarting: age >= World.loadTicks ? .ready : crashes >= 3 ? .crashLooping : .starting
            }
        }

        /// It ends, and is started again after a delay that grows, as a keeper has it.
        package mutating func end() {
            restarts += 1
            crashes += 1
            counters = RequestCounters(latency: [0], bounds: [1])
            let delaySeconds = min(0.1 * Double(1 << min(crashes - 1, 16)), 30)
            age = World.loadTicks - 1 - Int((delaySeconds / World.tick).rounded(.up))
        }
    }

    package static let tick: TimeInterval = 0.5
    package static let loadTicks = 3
    /// How long a flapping instance is ready, and then not ready.
    package static let flapTicks = 25
    /// For so long an instance is ready before its next end is its first again.
    static let provenTicks = 120
    /// As many as the proxy remembers for an instance.
    package static let failedRequestLimit = 20

    package var random: SeededRandom
    package var now = Date(timeIntervalSince1970: 1_800_000_000)
    package var desired: Desired
    package var commands: [OperatorCommand] = []
    package var instances: [Instance] = []
    package var plan: ServingPlan?
    package var weights: [Revision: Int] = [:]
    package var mirrors: [Revision: Int] = [:]
    /// The answers of the outside world; nil: none so far.
    package var answer: @Sendable (Inquiry) -> Finding.Answer? = { _ in nil }
    package var asked: [Inquiry] = []
    private var findings: [Finding] = []
    package var unmetDependencies: [UnmetDependency] = []
    /// What the project's policy forbids; nil: nobody has looked.
    package var forbidden: [Revision: String]? = [:]
    /// The most instances at the same time, including ending ones.
    package var mostInstances = 0
    package var epoch = 1
    package var isProxyReachable = true
    package var isProxyAway: Bool {
        get { !isProxyReachable }
        set { isProxyReachable = !newValue }
    }
    /// The proxy answers, and continues with its old routes.
    package var isProxyStuck = false
    /// Another program has the endpoint's port.
    package var isPortTaken = false
    /// The disk is full, or the API server is unreachable: no record can be written.
    package var isStoreWritable = true
    package var isGitReadable = true
    /// Why git's manifest is not followed.
    package var notFollowed: String?
    /// What the controller can see of the desired state.
    package var seen: Desired { isGitReadable ? desired : .unreadable }
    /// Whether blocked models are blocked; otherwise they start.
    package var isMachineInTheWay = true
    /// Requests for a revision without an instance that could take them.
    package var unavailable: [Revision: Int] = [:]
    /// The requests that the proxy drew for each revision, and their outcome.
    package var splits: [Revision: SplitCounters] = [:]
    /// The share of a version's requests that ends without an outcome.
    package var vanishing: [String: Double] = [:]
    /// Hundredths of requests that are still to be drawn, or to vanish.
    private var undrawn: [Revision: Int] = [:]
    private var unvanished: [Revision: Double] = [:]
    /// The records that were written, and what was new in each.
    package var writes: [WriteUrgency] = []
    /// The contents of the store. A controller that restarts reads it from bytes.
    package var state: RolloutState?
    package var events: [RolloutEvent] = []
    package var refusals: [Decision.Refusal] = []
    package var transitions: [PhaseTransition] = []
    package var requestsPerTick = 40
    package var goodErrorRate = 0.0
    /// Of a version whose servers end now and then: the probability that one that is ready ends within a tick.
    package var endsPerTick: [String: Double] = [:]
    /// Instances that the proxy has taken out of rotation; nil: it does not say.
    package var ejected: Set<String>? = []
    /// Those of them that serve much worse than their siblings.
    package var outliers: Set<String> = []
    /// The number of instances ever started, by version.
    package var started: [String: Int] = [:]

    /// Versions that behave differently from their names.
    package var turned: [String: Quality] = [:]

    package init(seed: UInt64, deployment: ModelDeployment) {
        random = SeededRandom(seed: seed)
        desired = .manifest(deployment, commit: deployment.template.model.version)
    }

    /// A world in which `version` is stable.
    package static func serving(_ version: String, seed: UInt64 = 1) -> World {
        var world = World(seed: seed, deployment: .example(version))
        world.run(limit: 20) { $0.phase == .healthy }
        precondition(world.state?.phase == .healthy)
        world.passTime()
        return world
    }

    package mutating func commit(_ deployment: ModelDeployment) {
        desired = .manifest(deployment, commit: deployment.template.model.version)
    }

    /// The policy became stricter: git's manifest is outside of it, and held.
    package mutating func forbid(_ version: String, _ reason: String) {
        forbidden = [ModelDeployment.example(version).template.revision: reason]
        isGitReadable = false
    }

    package mutating func allowAll() {
        forbidden = [:]
        isGitReadable = true
    }

    package mutating func command(_ verb: OperatorCommand.Verb, claimedActor: String? = nil, reason: String? = nil) {
        commands.append(OperatorCommand(verb, actor: "tester", claimedActor: claimedActor, reason: reason))
    }

    /// From now on the version behaves differently.
    package mutating func turn(_ version: String, into quality: Quality) {
        turned[version] = quality
        let revision = ModelDeployment.example(version).template.revision
        for index in instances.indices where instances[index].revision == revision {
            instances[index].quality = quality
        }
    }

    // MARK: - The world's ticks

    package mutating func passTime() {
        now.addTimeInterval(Self.tick)
        instances.removeAll(where: \.isLeaving)
        for index in instances.indices {
            if instances[index].condition != .blocked { instances[index].age += 1 }
            instances[index].isMachineInTheWay = isMachineInTheWay
            if instances[index].quality == .crashing { instances[index].restarts += 1 }
            if instances[index].quality == .restarting { endNowAndThen(index) }
        }
        sendTraffic()
    }

    private mutating func endNowAndThen(_ index: Int) {
        guard instances[index].condition == .ready else { return }
        if instances[index].age >= Self.loadTicks + Self.provenTicks { instances[index].crashes = 0 }
        let version = plan?.revisions.first { $0.revision == instances[index].revision }?.template.model.version
        let rate = version.flatMap { endsPerTick[$0] } ?? 0.05
        if Double.random(in: 0..<1, using: &random) < rate { instances[index].end() }
    }

    private mutating func sendTraffic() {
        drawRequests()
        for (revision, weight) in weights.merging(mirrors, uniquingKeysWith: +) where weight > 0 {
            let ready = instances.indices.filter {
                instances[$0].revision == revision && instances[$0].condition == .ready
            }
            guard let target = ready.randomElement(using: &random) else {
                unavailable[revision, default: 0] += requestsPerTick * weights[revision, default: 0] / 100
                continue
            }
            for _ in 0..<(requestsPerTick * weight / 100) {
                let errorRate = instances[target].quality == .bad ? 0.5 : goodErrorRate
                instances[target].counters.requests += 1
                instances[target].counters.latency[0] += 1
                if Double.random(in: 0..<1, using: &random) < errorRate {
                    instances[target].counters.errors += 1
                    noteFailedRequest(at: target)
                }
            }
        }
    }

    /// The proxy splits exactly, whoever answers.
    private mutating func drawRequests() {
        for (revision, weight) in weights {
            let hundredths = undrawn[revision, default: 0] + requestsPerTick * weight
            undrawn[revision] = hundredths % 100
            let version = plan?.revisions.first { $0.revision == revision }?.template.model.version
            let vanished =
                unvanished[revision, default: 0] + Double(hundredths / 100) * (version.flatMap { vanishing[$0] } ?? 0)
            unvanished[revision] = vanished - vanished.rounded(.down)
            splits[revision, default: SplitCounters()].drawn += hundredths / 100
            splits[revision]?.ended += hundredths / 100 - Int(vanished)
            splits[revision]?.lost += Int(vanished)
        }
    }

    private mutating func noteFailedRequest(at index: Int) {
        let id = RequestIdentity(
            revision: instances[index].revision, atSeconds: UInt32(now.timeIntervalSince1970),
            random: UInt32(truncatingIfNeeded: instances[index].counters.errors))
        let text = id.text(of: DeploymentKey(name: "world"), key: RequestIdentityKey(low: 1, high: 2))
        instances[index].failedRequestIds = (instances[index].failedRequestIds + [text]).suffix(Self.failedRequestLimit)
    }

    package mutating func restartProxy() {
        epoch += 1
        unavailable = [:]
        splits = [:]
        for index in instances.indices {
            instances[index].counters = RequestCounters(latency: [0], bounds: [1])
        }
    }

    // MARK: - The loop, interrupted where `crash` says

    package enum Crash: CaseIterable { case beforeSwap, beforeApply }

    /// One pass of the controller. - Returns: the decision.
    @discardableResult
    package mutating func pass(crash: Crash? = nil) -> Decision? {
        let before = state
        let inputs = DecisionInputs(
            desired: seen, observed: observe(),
            readings: isProxyReachable ? readings : nil, commands: commands, findings: findings,
            unmetDependencies: unmetDependencies, forbidden: forbidden, notFollowed: notFollowed, now: now)
        guard let decision = decide(before, inputs) else { return nil }
        if crash != nil { readBack() }
        if crash == .beforeSwap { return decision }
        let isWritable = isStoreWritable
        // A decision that advances is recorded first; one that retreats may be recorded later.
        guard isWritable || decision.isWithdrawal(since: before, from: plan) else {
            if let plan, let candidate = before?.rollout?.candidate.revision,
                let safePart = plan.withdrawing(candidate, as: decision.plan)
            {
                apply(safePart)
            }
            state = before?.mergingAvailability(decision.state)
            return decision
        }
        if let state = decision.state {
            let news = before.map { state.news(since: $0) } ?? .decision
            if isWritable, news > .clock || !decision.events.isEmpty { writes.append(news) }
        }
        commands = []
        findings = []
        state = decision.state
        events += decision.events
        refusals += decision.refusals
        transitions += decision.transitions
        if crash == .beforeApply { return decision }
        apply(decision.plan)
        for inquiry in decision.inquiries {
            asked.append(inquiry)
            guard let answer = answer(inquiry) else { continue }
            findings.append(
                Finding(inquiry: inquiry.id, candidate: inquiry.candidate.revision, at: now, answer: answer))
        }
        return decision
    }

    private mutating func readBack() {
        guard let state, let bytes = try? RolloutRecord.encode(state) else { return }
        let read = try? RolloutRecord.decode(bytes)
        precondition(read == state, "a state is not what was written")
        self.state = read
    }

    package func observe() -> Observation {
        Observation(
            instances: instances.map {
                InstanceObservation(
                    id: $0.id, revision: $0.revision, condition: $0.condition, restarts: $0.restarts,
                    isEjected: isProxyReachable ? ejected?.contains($0.id) : nil)
            },
            endpoint: weights.values.contains { $0 > 0 } && !isPortTaken ? "http://127.0.0.1:9000" : nil,
            endpointProblem: isPortTaken ? "port 9000 is taken by another program" : nil,
            isEndpointPortTaken: isPortTaken,
            weights: isProxyReachable ? weights : nil, mirrors: isProxyReachable ? mirrors : nil, plan: plan)
    }

    package var readings: [Reading] {
        instances.map {
            Reading(
                instance: $0.id, revision: $0.revision, epoch: "\(epoch)", counters: $0.counters,
                failedRequestIds: $0.failedRequestIds, isOutlier: outliers.contains($0.id))
        }
            + unavailable.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                Reading(
                    instance: Reading.unserved($0.key), revision: $0.key, epoch: "\(epoch)",
                    counters: RequestCounters(unavailable: $0.value))
            }
            + splits.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                Reading(
                    instance: Reading.split($0.key), revision: $0.key, epoch: "\(epoch)", counters: RequestCounters(),
                    split: $0.value)
            }
    }

    private mutating func apply(_ plan: ServingPlan) {
        self.plan = plan
        let wanted = Set(plan.revisions.map(\.revision))
        for index in instances.indices where !wanted.contains(instances[index].revision) {
            instances[index].isLeaving = true
        }
        for revision in plan.revisions {
            let staying = instances.indices.filter {
                instances[$0].revision == revision.revision && !instances[$0].isLeaving
            }
            for index in staying.dropFirst(revision.replicas) { instances[index].isLeaving = true }
            let running = min(staying.count, revision.replicas)
            for _ in running..<max(running, revision.replicas) {
                started[revision.template.model.version, default: 0] += 1
                instances.append(
                    Instance(
                        id: "\(revision.revision)-\(Int.random(in: 0..<1_000_000, using: &random))",
                        revision: revision.revision,
                        quality: turned[revision.template.model.version]
                            ?? Quality(version: revision.template.model.version)))
            }
        }
        mostInstances = max(mostInstances, instances.count)
        guard isProxyReachable, !isProxyStuck else { return }
        mirrors = Dictionary(uniqueKeysWithValues: plan.revisions.map { ($0.revision, $0.mirror) })
        weights = Dictionary(uniqueKeysWithValues: plan.revisions.map { ($0.revision, $0.weight) })
    }

    /// Runs passes and ticks until `isOver`, or for `limit` ticks.
    package mutating func run(limit: Int, until isOver: (RolloutState) -> Bool) {
        for _ in 0..<limit {
            pass()
            if let state, isOver(state) { return }
            passTime()
        }
    }
}

extension RolloutState {
    package var hold: Rollout.Hold? { rollout?.hold }
}

extension RolloutSpec {
    /// Steps of 20 %, 50 % and everything; compares errors.
    package static let twoSteps = RolloutSpec(
        steps: [
            RolloutStep(.setWeight(20)), RolloutStep(.setWeight(50)), RolloutStep(.setWeight(100)),
        ],
        gates: [GateSpec(name: "errors", kind: .compare(CompareGate(metric: .errors)))])
}

extension ModelDeployment {
    /// A deployment whose model behaves as its version says.
    package static func example(
        _ version: String, replicas: Int = 1, rollout: RolloutSpec = RolloutSpec()
    ) -> ModelDeployment {
        ModelDeployment(
            key: DeploymentKey(namespace: "test", name: "model"),
            template: ServingTemplate(
                model: ModelSource(version: version), runtime: Runtime(command: ["serve"]),
                resources: Resources(),
                canonical: #"{"model":{"version":"\#(version)"}}"#),
            replicas: replicas, rollout: rollout)
    }
}
