import Foundation
import Logging
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

@Suite("A cache of objects", .timeLimit(.minutes(10)))
struct ObjectCacheTests {
    static func cache(
        _ script: ScriptedTransport, clock: ManualClock = ManualClock(), streams: Bool = false, labels: [String] = []
    ) -> ObjectCache<Settings> {
        var settings = ListWatch<SystemRandomNumberGenerator>.Settings()
        settings.streamsInitialEvents = streams
        return ObjectCache(
            of: KubernetesAPI(transport: script, retries: .never, stopwatch: ClientClock(clock)), .init(namespace: "a"),
            isMetadataOnly: false, indexedLabels: labels, settings: settings,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    static func key(_ name: String) -> NamespacedName { NamespacedName(namespace: "a", name: name) }

    /// Runs the cache while `body` checks it.
    func running(_ cache: ObjectCache<Settings>, _ body: @Sendable () async throws -> Void) async throws {
        let run = Task { await cache.run() }
        defer { run.cancel() }
        try await body()
    }

    @Test("pages and changes become the contents; reads go by key and by label")
    func contents() async throws {
        let script = ScriptedTransport([
            .object(
                Settings.page(
                    [Settings.json("x", version: "1", labels: #"{"app":"one"}"#)], version: "5", continuing: "t")),
            .object(Settings.page([Settings.json("y", version: "2", labels: #"{"app":"two"}"#)], version: "5")),
            .openLines([
                Settings.event("ADDED", Settings.json("z", version: "6", labels: #"{"app":"one"}"#)),
                Settings.event("MODIFIED", Settings.json("x", version: "7", labels: #"{"app":"two"}"#)),
                Settings.event("DELETED", Settings.json("y", version: "8")),
            ]),
        ])
        let cache = Self.cache(script, labels: ["app"])
        try await running(cache) {
            try await eventually { cache[Self.key("y")] == nil && cache[Self.key("z")] != nil }
            #expect(cache[Self.key("x")]?.metadata.resourceVersion == "7")
            #expect(cache.all(label: "app", value: "two").map(\.metadata.name) == ["x"])
            #expect(cache.all(label: "app", value: "one").map(\.metadata.name) == ["z"])
            #expect(cache.count == 2)
            #expect(cache.freshness.isSynced)
        }
        #expect(script.targets[0].hasPrefix("/api/v1/namespaces/a/configmaps?limit=200"))
        #expect(script.targets[1].hasSuffix("continue=t"))
        #expect(script.targets[2].contains("resourceVersion=5"))
    }

    @Test("objects of an earlier list are there at once, and are not listed again")
    func listedAlready() async throws {
        let script = ScriptedTransport([
            .openLines([
                Settings.event("MODIFIED", Settings.json("x", version: "6")),
                Settings.event("DELETED", Settings.json("y", version: "7")),
            ])
        ])
        let cache = Self.cache(script)
        let listed = try [Settings.json("x", version: "1"), Settings.json("y", version: "2")]
            .map { try JSONDecoder().decode(Settings.self, from: Data($0.utf8)) }
        let run = Task { await cache.run(after: "5", listed) }
        defer { run.cancel() }
        try await eventually { cache.freshness.isSynced && cache[Self.key("y")] == nil }
        #expect(cache[Self.key("x")]?.metadata.resourceVersion == "6")
        #expect(script.targets.count == 1)
        #expect(script.targets[0].contains("resourceVersion=5"))
    }

    @Test("changes during a lost connection are reported once it is back")
    func relist() async throws {
        let gone = #"{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}"#
        let script = ScriptedTransport([
            .object(
                Settings.page([Settings.json("x", version: "1"), Settings.json("y", version: "2")], version: "5")),
            .lines([Settings.event("ERROR", gone)]),
            .object(
                Settings.page([Settings.json("x", version: "1"), Settings.json("z", version: "9")], version: "9")),
            .openLines([]),
        ])
        let cache = Self.cache(script)
        let changes = cache.changes()
        try await running(cache) {
            try await eventually { cache[Self.key("z")] != nil }
            var told: Set<NamespacedName> = []
            for await key in changes {
                told.insert(key)
                if told.count == 3 { break }
            }
            #expect(told == [Self.key("x"), Self.key("y"), Self.key("z")])
            #expect(cache[Self.key("y")] == nil)
        }
    }

    @Test("the pages of a restarted list do not mix with those before")
    func brokenOff() async throws {
        let gone = APIError(.status(code: 410, reason: "Expired"), message: "the continue token is too old")
        let script = ScriptedTransport([
            .object(Settings.page([Settings.json("x", version: "1")], version: "5", continuing: "t")),
            .failure(gone),
            .object(Settings.page([Settings.json("y", version: "6")], version: "6")),
            .openLines([]),
        ])
        let cache = Self.cache(script)
        try await running(cache) {
            try await eventually { cache.freshness.isSynced }
            #expect(cache.all.map(\.metadata.name) == ["y"])
        }
    }

    @Test("a stream of initial objects replaces the contents at its bookmark, not before")
    func streaming() async throws {
        let script = ScriptedTransport([
            .openLines([
                Settings.event("ADDED", Settings.json("x", version: "1")),
                Settings.event("ADDED", Settings.json("y", version: "2")),
                Settings.bookmark("5", endsInitialEvents: true),
                Settings.event("MODIFIED", Settings.json("y", version: "6")),
            ])
        ])
        let cache = Self.cache(script, streams: true)
        try await running(cache) {
            try await eventually { cache[Self.key("y")]?.metadata.resourceVersion == "6" }
            #expect(cache.count == 2)
        }
        #expect(script.targets[0].contains("sendInitialEvents=true"))
    }

    @Test("an object that cannot be read does not block the others")
    func unreadable() async throws {
        let broken = #"{"metadata":{"name":"x","namespace":"a","resourceVersion":"3"},"data":"no object"}"#
        let script = ScriptedTransport([
            .object(Settings.page([broken, Settings.json("y", version: "2")], version: "5")),
            .openLines([
                Settings.event("MODIFIED", broken.replacing(#""x""#, with: #""y""#)),
                Settings.event("ADDED", Settings.json("z", version: "7")),
            ]),
        ])
        let cache = Self.cache(script)
        try await running(cache) {
            try await eventually { cache[Self.key("z")] != nil }
            #expect(cache[Self.key("x")] == nil)
            #expect(cache[Self.key("y")]?.metadata.resourceVersion == "2")
            #expect(
                cache.unreadable == [
                    Self.key("x"): "items.0.data has the wrong type or format",
                    Self.key("y"): "object.data has the wrong type or format",
                ])
        }
    }

    @Test("an unreachable server is asked again after a wait, and the cache says why it is not synced")
    func away() async throws {
        let clock = ManualClock()
        let refused = APIError(.transport, message: "refused")
        let script = ScriptedTransport([
            .failure(refused), .object(Settings.page([], version: "5")), .openLines([]),
        ])
        let cache = Self.cache(script, clock: clock)
        try await running(cache) {
            await clock.waitForSleepers()
            #expect(cache.freshness.error == refused)
            #expect(!cache.freshness.isSynced)
            clock.advance(by: .seconds(1))
            try await eventually { cache.freshness.isSynced }
            #expect(cache.freshness.syncedAt == .seconds(1))
            #expect(cache.freshness.error == nil)
            try await cache.waitUntilSynced(timeout: .seconds(1))
        }
    }

    @Test("waiting for a cache that does not sync ends at the time limit, with the reason")
    func waitingEnds() async throws {
        let clock = ManualClock()
        let cache = Self.cache(ScriptedTransport([]), clock: clock)
        let waiting = Task { try await cache.waitUntilSynced(timeout: .seconds(5)) }
        await clock.waitForSleepers()
        clock.advance(by: .seconds(5))
        await #expect(throws: APIError.self) { try await waiting.value }
    }
}
