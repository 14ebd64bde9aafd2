import ControlPorts
import Foundation
import JSON
import KubernetesClient
import Logging
import ModelManifests
import Rollouts
import Synchronization
import TestSupport
import Testing

@testable import KubernetesServing

/// Runs over the model of the API server, with the definition installed.
@Suite("The record in a cluster")
struct ClusterStoreTests {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)
    static let key = DeploymentKey(namespace: "test", name: "model")

    struct Rig {
        let transport: ModelTransport
        let archive = InMemoryStateStore()

        init() async throws {
            transport = ModelTransport(APIServerModel(namespaces: ["test"], now: now)) { now }
            let definition = Data(CanonicalJSON.text(CustomResourceDefinition.modelDeployment).utf8)
            try await KubernetesAPI(transport: transport).create(
                .customResourceDefinitions, namespace: nil, body: definition)
            await transport.forgetLog()
        }

        var api: KubernetesAPI { KubernetesAPI(transport: transport) }

        func store(
            controller: String = "mlctl", source: String = "repo", namespace: String? = nil,
            clock: @escaping @Sendable () -> Duration = { .zero }
        ) -> ClusterStore {
            ClusterStore(
                api: api, identity: RegisterIdentity(controller: controller, source: source), namespace: namespace,
                recordKey: .sample, archive: archive, now: { now }, clock: clock,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        func object() async throws -> JSONValue {
            let body = try await api.answer(to: .get(.modelDeployments, key.objectKey))
            return try JSONDecoder().decode(JSONValue.self, from: body)
        }

        /// A change as its watch reports it.
        func summary() async throws -> ModelDeploymentObject {
            let body = try await api.answer(to: .get(.modelDeployments, key.objectKey))
            return try JSONDecoder().decode(ModelDeploymentObject.self, from: body)
        }

        /// A change by hand.
        func edit(_ patch: JSONValue) async throws {
            try await api.merge(
                .modelDeployments, key.objectKey, body: Data(CanonicalJSON.text(patch).utf8))
        }

        func writes() async -> [String] {
            let writes = await transport.writes.map {
                "\($0.method.rawValue) \($0.path.split(separator: "/").last ?? "")"
            }
            await transport.forgetLog()
            return writes
        }
    }

    static func announcement(_ version: String = "1", commit: String = "c1") -> PublishedManifest {
        PublishedManifest(
            deployment: key, labels: ["team": "risk"],
            spec:
                #"{"model":{"version":"\#(version)"},"replicas":2,"runtime":{"image":"example/model:1"},"target":{"kind":"kubernetes"}}"#,
            commit: commit)
    }

    static func event(_ kind: RolloutEvent.Kind, _ message: String, after seconds: Double = 0) -> RolloutEvent {
        RolloutEvent(at: now.addingTimeInterval(seconds), kind: kind, version: "1", commit: "c1", message: message)
    }

    @Test("is announced with one write, and costs no request while it stays as it is, whatever the commit")
    func announcing() async throws {
        let rig = try await Rig()
        let store = rig.store()
        try await store.announce(Self.announcement())
        #expect(await rig.writes() == ["PATCH model"])
        try await store.announce(Self.announcement(commit: "c2"))
        #expect(await rig.writes() == [])
        let metadata = try #require(try await rig.object().member("metadata"))
        #expect(metadata.member("finalizers") == ["mlctl.dev/serving"])
        #expect(metadata.member("annotations")?.member("mlctl.dev/commit") == "c1")
        #expect(metadata.member("labels")?.member("team") == "risk")
        #expect(metadata.member("labels")?.member("mlctl.dev/controller") == "mlctl")
        // Another process finds it as it is, and writes nothing either.
        let next = rig.store()
        _ = try await next.records()
        try await next.announce(Self.announcement(commit: "c3"))
        #expect(await rig.writes() == [])
        try await next.announce(Self.announcement("2", commit: "c3"))
        #expect(await rig.writes() == ["PATCH model"])
    }

    @Test(
        "is restored at growing intervals while another writer goes on; the status says so, and a commit does not wait")
    func contested() async throws {
        let rig = try await Rig()
        let time = Mutex(Duration.zero)
        let store = rig.store(clock: { time.withLock { $0 } })
        let run = Task { await store.run() }
        defer { run.cancel() }
        _ = try await store.records()
        #expect(try await store.announce(Self.announcement()) == .shown(warning: nil))
        var said: String?
        for number in 1...RewriteThrottle.free {
            try await rig.edit(["spec": ["replicas": .integer(10 + number)]])
            await store.follow(try await rig.summary())
            said = try await store.announce(Self.announcement()).warning
            #expect((said == nil) == (number == 1))
        }
        #expect(said?.hasPrefix("another writer keeps changing ModelDeployment test/model") == true)
        _ = await rig.writes()
        try await rig.edit(["spec": ["replicas": 99]])
        await store.follow(try await rig.summary())
        #expect(try await store.announce(Self.announcement()) == .shown(warning: said))
        #expect(await rig.writes() == ["PATCH model"], "the edit alone")
        // A change by git is not a correction.
        try await store.announce(Self.announcement("2"))
        #expect(await rig.writes() == ["PATCH model"])
        try await rig.edit(["spec": ["replicas": 99]])
        await store.follow(try await rig.summary())
        time.withLock { $0 = RewriteThrottle.interval }
        try await store.announce(Self.announcement("2"))
        #expect(await rig.writes() == ["PATCH model", "PATCH model"])
        time.withLock { $0 = .seconds(200) }
        #expect(try await store.announce(Self.announcement("2")) == .shown(warning: nil))
    }

    @Test(
        "is watched from the version at which the records were read: nothing is listed twice", .timeLimit(.minutes(10)))
    func following() async throws {
        let rig = try await Rig()
        try await rig.store().announce(Self.announcement())
        let store = rig.store()
        let run = Task { await store.run() }
        defer { run.cancel() }
        _ = try await store.records()
        // Before or after the watch begins: it is reported either way.
        try await rig.edit(["spec": ["replicas": 5]])
        #expect(await store.changes.first { _ in true } == Self.key)
        let reads = await rig.transport.log.filter { $0.method == .get && $0.path.hasSuffix("/modeldeployments") }
        #expect(reads.count { request in !request.query.contains { $0.name == "watch" } } == 1)
        #expect(reads.count == 2)
    }

    @Test("a store of one namespace reads no other, and reports a manifest that is elsewhere")
    func scope() async throws {
        let rig = try await Rig()
        let store = rig.store(namespace: "payments")
        _ = try await store.records()
        let paths = await rig.transport.log.map(\.path)
        #expect(
            paths == [
                "/apis/mlctl.dev/v1alpha1/namespaces/payments/modeldeployments",
                "/api/v1/namespaces/payments/configmaps",
            ])
        await #expect(throws: RegisterError.outOfSight(Self.key, only: "payments")) {
            try await store.announce(Self.announcement())
        }
        #expect(await rig.writes() == [])
    }

    @Test("is restored when somebody edits, adds or removes fields, with one write for an edit")
    func drift() async throws {
        let rig = try await Rig()
        let store = rig.store()
        try await store.announce(Self.announcement())
        let wanted = try await rig.object().member("spec")
        let edits: [(JSONValue, Int)] = [
            (["spec": ["replicas": 5]], 1), (["spec": ["replicas": .null]], 1), (["spec": ["suspend": true]], 2),
            (["metadata": ["finalizers": []]], 1), (["metadata": ["labels": ["team": "other"]]], 1),
        ]
        for (edit, count) in edits {
            try await rig.edit(edit)
            let body = try await rig.api.answer(to: .get(.modelDeployments, Self.key.objectKey))
            await store.follow(try JSONDecoder().decode(ModelDeploymentObject.self, from: body))
            await rig.transport.forgetLog()
            try await store.announce(Self.announcement())
            #expect(await rig.writes().count == count, "\(edit)")
            #expect(try await rig.object().member("spec") == wanted)
            try await store.announce(Self.announcement())
            #expect(await rig.writes() == [])
        }
    }

    @Test("is swapped together with its events and its status, and read back by the next controller")
    func swapping() async throws {
        let rig = try await Rig()
        let store = rig.store()
        try await store.announce(Self.announcement())
        await rig.transport.forgetLog()
        let status = DeploymentStatus(
            namespace: "test", name: "model", phase: .preparing, since: Self.now, message: "loading version 1",
            desired: DesiredStatus(revision: Revision(rawValue: "aaaaaaaaaa"), version: "1", commit: "c1"),
            conditions: [Condition(type: "Ready", status: "False", reason: "Preparing", message: "loading")])
        let version = try await store.swap(
            Self.key, expecting: nil, state: Data(#"{"a":1}"#.utf8),
            events: [Self.event(.rolloutStarted, "one"), Self.event(.stepStarted, "two")], status: status)
        #expect(version == 1)
        #expect(await rig.writes() == ["PATCH status"])
        let shown = try #require(try await rig.object().member("status"))
        #expect(shown.member("phase") == "Preparing" && shown.member("message") == "loading version 1")
        #expect(shown.member("desired")?.member("version") == "1" && shown.member("observedGeneration") == 1)
        #expect(shown.member("record")?.member("state") == #"{"a":1}"#)
        #expect(shown.member("record")?.member("version") == 1)

        let next = rig.store()
        let records = try await next.records()
        #expect(records == [Self.key: StateRecord(version: 1, state: Data(#"{"a":1}"#.utf8))])
        // Copies that were absorbed already are not absorbed again.
        let told = await rig.archive.events(matching: EventFilter(), limit: 10).map(\.event.message)
        #expect(told == ["two", "one"])
        // A status that is shown already is not written again; a new one is.
        try await next.report(status, of: Self.key)
        #expect(await rig.writes() == [])
        var later = status
        later.endpoint = "http://model.test"
        try await next.report(later, of: Self.key)
        try await next.report(later, of: Self.key)
        #expect(await rig.writes() == ["PATCH status"])
        #expect(try await rig.object().member("status")?.member("record")?.member("state") == #"{"a":1}"#)
        try await next.swap(Self.key, expecting: 1, state: Data("{}".utf8), events: [], status: status)
        #expect(try await rig.object().member("status")?.member("endpoint") == nil)
    }

    @Test("cannot be swapped by two: a decision on an older record is a conflict, and writes nothing")
    func conflicts() async throws {
        let rig = try await Rig()
        let (one, other) = (rig.store(), rig.store())
        try await one.announce(Self.announcement())
        try await one.swap(Self.key, expecting: nil, state: Data("1".utf8), events: [])
        _ = try await other.records()
        try await other.swap(Self.key, expecting: 1, state: Data("2".utf8), events: [])
        let conflict = await #expect(throws: StateConflict.self) {
            try await one.swap(Self.key, expecting: 1, state: Data("stale".utf8), events: [])
        }
        #expect(conflict == StateConflict(deployment: Self.key, expected: 1, found: 2))
        #expect(try await one.record(for: Self.key)?.state == Data("2".utf8))
        try await one.swap(Self.key, expecting: 2, state: Data("3".utf8), events: [])
        // The answer was lost: the swap took effect, and looks like somebody else's.
        let count = await rig.transport.requestCount
        await rig.transport.setPlan(FaultPlan(requests: [count + 1: .lostAfter]))
        await #expect(throws: (any Error).self) {
            try await one.swap(Self.key, expecting: 3, state: Data("4".utf8), events: [])
        }
        await #expect(throws: StateConflict.self) {
            try await one.swap(Self.key, expecting: 3, state: Data("4".utf8), events: [])
        }
        #expect(try await one.record(for: Self.key)?.version == 4)
    }

    @Test("keeps the latest events, whose ids increase also over objects of the same name")
    func eventIds() async throws {
        let rig = try await Rig()
        let store = rig.store()
        try await store.announce(Self.announcement())
        for number in 0..<40 {
            try await store.swap(
                Self.key, expecting: number == 0 ? nil : number, state: Data("{}".utf8),
                events: [Self.event(.stepStarted, "step \(number)")])
        }
        guard case .array(let events)? = try await rig.object().member("status")?.member("events") else {
            Issue.record("no events")
            return
        }
        #expect(events.count == RecordedEvent.limit)
        #expect(events.last?.member("message") == "step 39")
        let ids = events.compactMap { event -> Int? in
            if case .integer(let id)? = event.member("id") { id } else { nil }
        }
        #expect(ids == ids.sorted() && Set(ids).count == ids.count && ids.count == events.count)
        #expect(await rig.archive.events(matching: EventFilter(), limit: 100).count == 40)
    }

    @Test("is deleted with the manifest, stays until nothing serves, and is then gone")
    func removal() async throws {
        let rig = try await Rig()
        let store = rig.store()
        try await store.announce(Self.announcement())
        try await store.swap(Self.key, expecting: nil, state: Data("1".utf8), events: [])
        try await store.withdraw(Self.key)
        try await store.withdraw(Self.key)
        #expect(try await rig.object().member("metadata")?.member("deletionTimestamp") != nil)
        try await store.swap(Self.key, expecting: 1, state: Data("2".utf8), events: [Self.event(.removed, "gone")])
        try await store.swap(Self.key, expecting: 2, state: nil, events: [])
        #expect(try await store.record(for: Self.key) == nil)
        #expect(try await store.records().isEmpty)
    }

    @Test("comes back, with everything that it owned, if somebody deletes it and git wants it")
    func deletedByHand() async throws {
        let rig = try await Rig()
        let time = Mutex(Duration.zero)
        let store = rig.store(clock: { time.withLock { $0 } })
        try await store.announce(Self.announcement())
        try await store.swap(
            Self.key, expecting: nil, state: Data("1".utf8), events: [Self.event(.rolloutStarted, "one")])
        let owner = try #require(await store.owner(of: Self.key))
        let owned: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": [
                "name": "owned", "namespace": "test",
                "ownerReferences": [
                    [
                        "apiVersion": .string(owner.apiVersion), "kind": .string(owner.kind),
                        "name": .string(owner.name), "uid": .string(owner.uid), "controller": true,
                        "blockOwnerDeletion": true,
                    ]
                ],
            ],
        ]
        try await rig.api.create(.configMaps, namespace: "test", body: Data(CanonicalJSON.text(owned).utf8))
        try await rig.api.delete(.modelDeployments, Self.key.objectKey)
        await store.follow(try #require(try await rig.api.get(ModelDeploymentObject.self, Self.key.objectKey)))
        #expect(await store.owner(of: Self.key) == nil)

        #expect(try await store.announce(Self.announcement()).refusal?.retryClass == .transient)
        for _ in 0..<5 { await rig.transport.step() }
        time.withLock { $0 = RefusedAnnouncement.firstDelay }
        #expect(try await store.announce(Self.announcement()) == .shown(warning: nil))
        for _ in 0..<5 { await rig.transport.step() }

        let now = try #require(await store.owner(of: Self.key))
        #expect(now.uid != owner.uid)
        #expect(try await rig.api.get(OwnedConfigMap.self, NamespacedName(namespace: "test", name: "owned")) != nil)
        #expect(try await store.record(for: Self.key) == StateRecord(version: 1, state: Data("1".utf8)))
        try await store.swap(
            Self.key, expecting: 1, state: Data("2".utf8), events: [Self.event(.promoted, "two", after: 1)])
        #expect(await rig.archive.events(matching: EventFilter(), limit: 10).map(\.event.message) == ["two", "one"])
    }

    @Test("of another controller is left alone and reported")
    func anotherController() async throws {
        let rig = try await Rig()
        try await rig.store(controller: "team-a").announce(Self.announcement())
        let store = rig.store(controller: "team-b")
        #expect(try await store.records().isEmpty)
        let refused = await #expect(throws: RegisterError.self) { try await store.announce(Self.announcement("2")) }
        #expect(refused == .anotherController(Self.key, "team-a", own: "team-b"))
        #expect(try await rig.object().member("spec")?.member("model")?.member("version") == "1")
    }

    @Test("of another repository is not removed, and is taken over with its record when git has it")
    func anotherSource() async throws {
        let rig = try await Rig()
        let first = rig.store(source: "one")
        try await first.announce(Self.announcement())
        try await first.swap(Self.key, expecting: nil, state: Data("1".utf8), events: [])
        let store = rig.store(source: "other")
        #expect(try await store.records().isEmpty)
        try await store.announce(Self.announcement("2"))
        await #expect(throws: StateConflict.self) {
            try await store.swap(Self.key, expecting: nil, state: Data("new".utf8), events: [])
        }
        #expect(try await store.record(for: Self.key)?.state == Data("1".utf8))
        try await store.swap(Self.key, expecting: 1, state: Data("2".utf8), events: [])
        #expect(try await store.records().keys.map(\.name) == ["model"])
    }

    @Test("of two controllers with the same name, the first gives way and says so, and they do not fight")
    func sameName() async throws {
        let rig = try await Rig()
        let first = rig.store(source: "one")
        try await first.announce(Self.announcement())
        let second = rig.store(source: "other")
        try await second.announce(Self.announcement("2"))
        await first.follow(try await rig.summary())
        await rig.transport.forgetLog()
        for _ in 1...3 {
            let refused = await #expect(throws: RegisterError.self) { try await first.announce(Self.announcement()) }
            #expect(refused?.message.contains("another `name`") == true)
            try await second.announce(Self.announcement("2"))
        }
        #expect(await rig.writes() == [])
        // Taken back as the message says.
        let own = RegisterIdentity(controller: "mlctl", source: "one")
        try await rig.edit(["metadata": ["labels": [RegisterMetadata.source: .string(own.source)]]])
        await first.follow(try await rig.summary())
        try await first.announce(Self.announcement())
        #expect(try await rig.object().member("spec")?.member("model")?.member("version") == "1")
    }

    @Test("created by hand with the same name is not taken from its owner")
    func madeByHand() async throws {
        let rig = try await Rig()
        let body = Self.announcement("9").object(
            RegisterIdentity(controller: "x", source: "y"),
            spec: ["model": ["version": "9"], "runtime": ["image": "a"]])
        _ = try await rig.api.answer(
            to: .apply(
                .modelDeployments, Self.key.objectKey, body: Data(CanonicalJSON.text(body).utf8),
                fieldManager: "somebody", force: true))
        let refused = try await rig.store().announce(Self.announcement("1")).refusal
        #expect(refused?.message.contains("somebody") == true)
    }

    private struct OwnedConfigMap: KubernetesObject {
        static let resource = ResourceType.configMaps
        var metadata: ObjectMetadata
    }
}

extension PublishResult {
    fileprivate var warning: String? {
        if case .shown(let warning) = self { warning } else { nil }
    }
}

extension JSONValue {
    fileprivate func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }
}
