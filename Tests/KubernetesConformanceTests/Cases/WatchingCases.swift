import KubernetesClient
import ModelManifests
import TestSupport
import Testing

extension ConformanceCase {
    static let watching: [ConformanceCase] = [
        ConformanceCase("a watch sends every change after its version, in order, and a deletion with its last state") {
            trial in
            let start = try await trial.list(.leases)
            _ = try await trial.create(.leases, "a")
            let changed = try await trial.merge(.leases, "a", ["spec": ["holderIdentity": "x"]])
            _ = try await trial.create(.leases, "b")
            _ = try await trial.delete(.leases, "a")
            let events = try await trial.events(4, of: trial.watch(.leases, after: start.version))
            #expect(events.map(\.summary) == ["ADDED a", "MODIFIED a", "ADDED b", "DELETED a"])
            guard events.count == 4 else { return }
            #expect(events[1].version == changed.version)
            #expect(events[3].object.value(at: "spec", "holderIdentity") == "x")
            #expect(events[3].version != changed.version, "a deletion has a version of its own")
            #expect(events[0].object[field: "kind"] == "Lease", "events say the type, items of lists do not")
            let resumed = try await trial.events(2, of: trial.watch(.leases, after: events[1].version))
            #expect(resumed.map(\.summary) == ["ADDED b", "DELETED a"])
        },
        ConformanceCase("a watch of a selection gets what enters it and what leaves it") { trial in
            let start = try await trial.list(.leases)
            _ = try await trial.create(.leases, "a", ["metadata": ["labels": ["tier": "x"]]])
            _ = try await trial.merge(.leases, "a", ["metadata": ["labels": ["tier": "y"]]])
            _ = try await trial.create(.leases, "other")
            _ = try await trial.merge(.leases, "a", ["metadata": ["labels": ["tier": "x"]]])
            _ = try await trial.merge(.leases, "a", ["spec": ["holderIdentity": "x"]])
            let events = try await trial.events(4, of: trial.watch(.leases, labels: "tier=x", after: start.version))
            #expect(events.map(\.summary) == ["ADDED a", "DELETED a", "ADDED a", "MODIFIED a"])
        },
        ConformanceCase("a watch without a version begins with the existing objects") { trial in
            _ = try await trial.create(.leases, "a")
            _ = try await trial.create(.leases, "b")
            let request = APIRequest(
                .get, ResourceType.leases.path(namespace: trial.namespace),
                query: [.init("watch", "true"), .init("timeoutSeconds", "5")])
            let events = try await trial.events(2, of: request)
            #expect(Set(events.map(\.summary)) == ["ADDED a", "ADDED b"])
        },
        ConformanceCase("a watch continues with changes while it is open") { trial in
            let start = try await trial.list(.leases)
            async let events = trial.events(2, of: trial.watch(.leases, after: start.version))
            _ = try await trial.create(.leases, "a")
            _ = try await trial.delete(.leases, "a")
            let seen = try await events
            #expect(seen.map(\.summary) == ["ADDED a", "DELETED a"])
        },
        ConformanceCase("a write that changes nothing sends no event") { trial in
            let made = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]])
            _ = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]])
            _ = try await trial.merge(.configMaps, "a", ["data": ["k": "1"]])
            _ = try await trial.create(.configMaps, "b")
            let events = try await trial.events(1, of: trial.watch(.configMaps, after: made.version))
            #expect(events.map(\.summary) == ["ADDED b"])
        },
        ConformanceCase("initial events end with a bookmark, if the server supports them") { trial in
            _ = try await trial.create(.leases, "a")
            let request = trial.watch(.leases, after: nil, sendsInitialEvents: true)
            let events = try await trial.events(2, of: request)
            // Servers on an etcd without progress notifications refuse: a client must then list.
            if events.first?.type == "ERROR" {
                #expect(events.first?.object[field: "code"] == 500)
                return
            }
            #expect(events.map(\.type) == ["ADDED", "BOOKMARK"])
            let mark = events.last?.object.value(at: "metadata", "annotations", "k8s.io/initial-events-end")
            #expect(mark == "true")
        },
        ConformanceCase("initial events require the matching version parameter") { trial in
            let request = APIRequest(
                .get, ResourceType.leases.path(namespace: trial.namespace),
                query: [.init("watch", "true"), .init("sendInitialEvents", "true"), .init("timeoutSeconds", "2")])
            do {
                _ = try await trial.events(1, of: request)
                Issue.record("the watch was not refused")
            } catch let refused as APIError {
                #expect(refused.statusCode == 422)
            }
        },
        ConformanceCase("a watch ends when its time is over, after a bookmark") { trial in
            let made = try await trial.create(.leases, "a")
            let request = trial.watch(.leases, after: made.version, timeout: .seconds(3))
            async let told = trial.events(10, of: request)
            if let model = trial.cluster.model {
                while await model.watchCount == 0 { await Task.yield() }
                await model.sendBookmarks()
                trial.cluster.clock.advance(bySeconds: 3)
                await model.step()
            }
            let events = try await told
            #expect(Set(events.map(\.type)).subtracting(["BOOKMARK"]).isEmpty)
            guard let bookmark = events.last else {
                // Bookmarks are optional: without progress notifications a server sends none.
                #expect(trial.cluster.kind == .real)
                return
            }
            #expect(!bookmark.version.isEmpty && bookmark.object[field: "kind"] == "Lease")
        },
    ]
}
