import ModelManifests
import Serving
import TestSupport
import Testing

@testable import LocalServing

private let key = DeploymentKey(name: "m")

private func plan(_ revisions: (String, replicas: Int, weight: Int)...) -> ServingPlan {
    ServingPlan(
        deployment: key,
        revisions: revisions.map {
            RevisionPlan(
                revision: Revision(rawValue: $0.0), template: template(Runtime(command: ["x"]), version: $0.0),
                replicas: $0.replicas, weight: $0.weight)
        })
}

private func instance(
    _ revision: String, _ number: Int, _ stage: ObservedInstance.Stage = .kept(.ready),
    leaving: ObservedInstance.Leaving? = nil
) -> ObservedInstance {
    var seen = ObservedInstance(
        id: "\(revision)-\(number)", revision: Revision(rawValue: revision), number: number, stage: stage)
    seen.port = 20_000 + number
    seen.leaving = leaving
    return seen
}

private func actions(_ plan: ServingPlan?, _ instances: ObservedInstance...) -> [LocalReconciliation.Action] {
    LocalReconciliation(plan: plan, instances: instances).actions
}

@Suite("What to do for a deployment's instances")
struct LocalReconciliationTests {
    let waiting = ObservedInstance.Leaving(isDrained: false, isDrainOver: false, isAskedToStop: false)
    let drained = ObservedInstance.Leaving(isDrained: true, isDrainOver: false, isAskedToStop: false)

    @Test("missing instances are created, and no more")
    func creates() {
        #expect(actions(plan(("a", 2, 100))) == [.create(Revision(rawValue: "a")), .create(Revision(rawValue: "a"))])
        #expect(actions(plan(("a", 2, 100)), instance("a", 1), instance("a", 2, .kept(.crashLooping))) == [])
        #expect(actions(plan(("a", 1, 100)), instance("a", 1, .ended(.failed))) == [])
    }

    @Test("the candidate is started before the former revision is retired")
    func order() {
        #expect(
            actions(plan(("b", 1, 100)), instance("a", 1)) == [.create(Revision(rawValue: "b")), .retire("a-1")])
    }

    @Test("without a plan nothing is created or retired, but keepers are restarted")
    func noPlan() {
        #expect(actions(nil, instance("a", 1)) == [])
        #expect(actions(nil, instance("a", 1, .needsKeeper(hasServer: true, serves: true))) == [.launch("a-1")])
    }

    @Test("when scaling down, instances that do not serve go first, then the newest")
    func scalesDown() {
        #expect(
            actions(plan(("a", 1, 100)), instance("a", 1, .kept(.unready)), instance("a", 2), instance("a", 3))
                == [.retire("a-1"), .retire("a-3")])
    }

    @Test("the last ready instance of a weighted revision stays, even with 0 replicas in the plan")
    func keepsTheLast() {
        #expect(actions(plan(("a", 0, 100)), instance("a", 1), instance("a", 2)) == [.retire("a-2")])
        #expect(actions(plan(("a", 0, 0)), instance("a", 1)) == [.retire("a-1")])
    }

    @Test("a leaving instance is drained, stopped and removed, in this order")
    func departure() {
        let empty = plan()
        #expect(actions(empty, instance("a", 1, leaving: waiting)) == [])
        #expect(actions(empty, instance("a", 1, leaving: drained)) == [.stop("a-1")])
        let asked = ObservedInstance.Leaving(isDrained: true, isDrainOver: true, isAskedToStop: true)
        #expect(actions(empty, instance("a", 1, leaving: asked)) == [])
        #expect(actions(empty, instance("a", 1, .ended(.stopped), leaving: asked)) == [.remove("a-1")])
        let late = ObservedInstance.Leaving(isDrained: false, isDrainOver: true, isAskedToStop: false)
        #expect(actions(empty, instance("a", 1, leaving: late)) == [.stop("a-1")])
    }

    @Test("a leaving instance whose keeper was killed gets a keeper that ends its server")
    func leavingOrphan() {
        let orphan = ObservedInstance.Stage.needsKeeper(hasServer: true, serves: true)
        #expect(actions(plan(), instance("a", 1, orphan, leaving: drained)) == [.stop("a-1"), .launch("a-1")])
        #expect(
            actions(plan(), instance("a", 1, .needsKeeper(hasServer: false, serves: false), leaving: waiting))
                == [.remove("a-1")])
    }

    @Test("files are fetched before the keeper is started")
    func files() {
        #expect(actions(plan(("a", 1, 0)), instance("a", 1, .needsFiles)) == [.fetchFiles("a-1")])
        #expect(actions(plan(), instance("a", 1, .needsFiles)) == [.retire("a-1")])
    }

    @Test("an instance that somebody else stopped is replaced")
    func stoppedOutside() {
        #expect(
            actions(plan(("a", 1, 100)), instance("a", 1, .ended(.stopped)))
                == [.create(Revision(rawValue: "a")), .remove("a-1")])
    }

    @Test("an outlier is restarted, unless it is leaving or has no keeper")
    func outlier() {
        var bad = instance("a", 1, .kept(.ready))
        bad.restartCause = .failing
        #expect(actions(plan(("a", 2, 100)), bad, instance("a", 2, .kept(.ready))) == [.restart("a-1", .failing)])
        let fewer = actions(plan(("a", 1, 100)), bad, instance("a", 2, .kept(.ready)))
        #expect(fewer == [.restart("a-1", .failing), .retire("a-2")])
        #expect(actions(plan(), bad) == [.retire("a-1")])
    }

    /// Plans change, keepers die, servers become ready or not, and requests end or not.
    @Test(
        "from any state it settles at the plan, and always keeps a weighted revision served",
        arguments: 0..<300)
    func converges(seed: UInt64) {
        var world = ServingWorld(seed: seed)
        for _ in 0..<20 { world.disturb() }
        world.settle()
        #expect(world.complaints == [], "seed \(seed)")
        #expect(world.isAtRest, "seed \(seed): \(world.instances)")
    }
}

/// A machine whose instances carry out the actions, with random results.
struct ServingWorld {
    var random: SeededRandom
    var plan: ServingPlan?
    var instances: [ObservedInstance] = []
    var complaints: [String] = []
    private var nextNumber = 1

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    var isAtRest: Bool {
        guard let plan else { return true }
        let wanted = Dictionary(plan.revisions.map { ($0.revision, max($0.replicas, $0.weight > 0 ? 1 : 0)) }) { $1 }
        return LocalReconciliation(plan: plan, instances: instances).actions.isEmpty
            && instances.allSatisfy { $0.leaving == nil && ($0.serves || $0.stage == .ended(.failed)) }
            && Dictionary(grouping: instances, by: \.revision).allSatisfy { $1.count <= wanted[$0] ?? 0 }
    }

    mutating func disturb() {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: choosePlan()
        case 1:
            change { instance in
                let serves = instance.stage == .kept(.ready)
                if case .kept = instance.stage { instance.stage = .needsKeeper(hasServer: serves, serves: serves) }
            }
        case 2: change { if $0.stage == .kept(.ready) { $0.stage = .kept(.unready) } }
        case 3: change { if case .kept = $0.stage { $0.stage = .ended(.failed) } }
        case 4: change { $0.restartCause = .failing }
        default: break
        }
        act()
        progress(everything: false)
    }

    mutating func settle() {
        for _ in 0..<50 {
            act()
            progress(everything: true)
        }
    }

    private mutating func choosePlan() {
        let names = ["a", "b", "c"].filter { _ in Bool.random(using: &random) }
        let weighted = names.randomElement(using: &random)
        plan = ServingPlan(
            deployment: key,
            revisions: names.map { name in
                RevisionPlan(
                    revision: Revision(rawValue: name), template: template(Runtime(command: ["x"]), version: name),
                    replicas: Int.random(in: 1...3, using: &random), weight: name == weighted ? 100 : 0)
            })
    }

    private mutating func change(_ body: (inout ObservedInstance) -> Void) {
        guard let index = instances.indices.randomElement(using: &random) else { return }
        body(&instances[index])
    }

    private mutating func act() {
        let before = servedWeighted
        for action in LocalReconciliation(plan: plan, instances: instances).actions { carryOut(action) }
        if !before.isSubset(of: servedWeighted) {
            complaints.append("a weighted revision lost its last ready instance")
        }
    }

    private var servedWeighted: Set<Revision> {
        let weighted = Set((plan?.revisions ?? []).filter { $0.weight > 0 }.map(\.revision))
        return Set(instances.filter { $0.serves && weighted.contains($0.revision) }.map(\.revision))
    }

    private mutating func carryOut(_ action: LocalReconciliation.Action) {
        func index(_ id: String) -> Int? { instances.firstIndex { $0.id == id } }
        switch action {
        case .create(let revision):
            instances.append(instance(revision.rawValue, nextNumber, .needsFiles))
            nextNumber += 1
        case .fetchFiles(let id):
            if let index = index(id) { instances[index].stage = .needsKeeper(hasServer: false, serves: false) }
        case .launch(let id):
            guard let index = index(id), case .needsKeeper(_, let serves) = instances[index].stage else {
                complaints.append("launched \(id) beside its keeper")
                return
            }
            instances[index].stage = .kept(serves ? .ready : .starting)
        case .retire(let id):
            guard let index = index(id) else { return }
            instances[index].leaving = .init(isDrained: false, isDrainOver: false, isAskedToStop: false)
        case .stop(let id):
            guard let index = index(id), let leaving = instances[index].leaving,
                leaving.isDrained || leaving.isDrainOver
            else {
                complaints.append("stopped \(id) before it was drained")
                return
            }
            instances[index].leaving?.isAskedToStop = true
        case .restart(let id, _):
            guard let index = index(id), case .kept = instances[index].stage, instances[index].leaving == nil else {
                complaints.append("restarted \(id), which no keeper looks after, or which leaves")
                return
            }
            instances[index].restartCause = nil
        case .remove(let id):
            guard let index = index(id) else { return }
            if case .kept = instances[index].stage { complaints.append("removed \(id) under its keeper") }
            instances.remove(at: index)
        }
    }

    private mutating func progress(everything: Bool) {
        for index in instances.indices where everything || Bool.random(using: &random) {
            if instances[index].leaving?.isAskedToStop == true, case .kept = instances[index].stage {
                instances[index].stage = .ended(.stopped)
            } else if instances[index].stage == .kept(.starting) || instances[index].stage == .kept(.unready) {
                instances[index].stage = .kept(.ready)
            }
            if instances[index].leaving != nil { instances[index].leaving?.isDrained = true }
        }
    }
}

@Suite("The routes sent to the proxy")
struct RouteCompositionTests {
    @Test("only ready instances that stay are upstreams, the oldest first")
    func upstreams() throws {
        let leaving = ObservedInstance.Leaving(isDrained: false, isDrainOver: false, isAskedToStop: false)
        let route = try #require(
            RouteComposition.route(
                plan: plan(("a", 4, 100)), port: 9000,
                instances: [
                    instance("a", 3), instance("a", 1), instance("a", 2, .kept(.unready)),
                    instance("a", 4, leaving: leaving),
                    instance("a", 5, .needsKeeper(hasServer: true, serves: true)), instance("b", 6),
                ]))
        #expect(route.revisions.map { $0.upstreams.map(\.instance) } == [["a-1", "a-3", "a-5"]])
        #expect(RouteComposition.route(plan: plan(), port: 9000, instances: []) == nil)
    }

    @Test("weights come from the plan, also for a revision without instances; drain times come from the endpoint")
    func weightsAndDrain() throws {
        var plan = plan(("a", 1, 75), ("b", 1, 25))
        plan.endpoint.requestTimeout = .seconds(9)
        plan.endpoint.drain = Drain(streamTimeout: .seconds(70))
        let route = try #require(RouteComposition.route(plan: plan, port: 9000, instances: [instance("a", 1)]))
        #expect(route.revisions.map(\.weight) == [75, 25])
        #expect(route.drainTimeout == .seconds(9) && route.streamTimeout == .seconds(70))
        plan.endpoint.drain.timeout = .seconds(2)
        #expect(RouteComposition.route(plan: plan, port: 9000, instances: [])?.drainTimeout == .seconds(2))
    }

    @Test("an endpoint's port is the manifest's, or else the earlier one, or else a free one")
    func endpointPorts() {
        func choose(
            _ fixed: Int?, _ had: Int?, _ taken: [Int: String] = [:],
            free: @escaping (Int) -> Bool = { _ in true }
        )
            -> EndpointPorts.Choice
        {
            EndpointPorts.choose(fixed: fixed, remembered: had, taken: taken, ephemeral: 32_000...60_999, isFree: free)
        }
        #expect(choose(9000, 30_005) == .port(9000))
        #expect(choose(nil, 30_005) == .port(30_005))
        #expect(choose(nil, nil) == .port(30_000))
        #expect(choose(nil, 30_005, [30_005: "another's", 30_000: "another's"]) == .port(30_001))
        #expect(choose(nil, nil, free: { $0 > 30_010 }) == .port(30_011))
        guard case .problem(let text) = choose(9000, nil, [9000: "the endpoint of \(key)"]) else {
            Issue.record("two deployments on one port")
            return
        }
        #expect(text.contains("default/m"))
        guard case .problem = choose(nil, nil, free: { $0 > 31_999 }) else {
            Issue.record("a port out of the kernel's range")
            return
        }
    }
}
