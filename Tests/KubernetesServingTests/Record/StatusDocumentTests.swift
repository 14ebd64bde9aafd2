import ControlPorts
import Foundation
import JSON
import ModelManifests
import Rollouts
import Testing

@testable import KubernetesServing

@Suite("The status of a ModelDeployment")
struct StatusDocumentTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func status(ready: Bool, commit: String = "c1") -> DeploymentStatus {
        DeploymentStatus(
            namespace: "n", name: "m", phase: .healthy, since: now, message: "it serves",
            desired: DesiredStatus(revision: Revision(rawValue: "aaaaaaaaaa"), version: "1", commit: commit),
            conditions: [Condition(type: "Ready", status: ready ? "True" : "False", reason: "r", message: "m")])
    }

    @Test("dates each condition by its last change, over several writes and readers")
    func transitions() {
        let first = StatusDocument(status(ready: false), generation: 1, before: [:], now: now)
        let read = StatusDocument.transitions(in: .object(first.fields))
        #expect(read == first.transitions)
        let same = StatusDocument(status(ready: false), generation: 1, before: read, now: now.addingTimeInterval(60))
        #expect(same == first)
        let other = StatusDocument(status(ready: true), generation: 1, before: read, now: now.addingTimeInterval(60))
        #expect(other.transitions["Ready"]?.at == "2027-01-15T08:01:00Z")
    }

    @Test("is written when people see a difference, not when only the commit differs")
    func fingerprint() {
        let first = StatusDocument(status(ready: true), generation: 1, before: [:], now: now)
        let commit = StatusDocument(status(ready: true, commit: "c2"), generation: 1, before: [:], now: now)
        let unready = StatusDocument(status(ready: false), generation: 1, before: [:], now: now)
        #expect(first.fingerprint == commit.fingerprint && first != commit)
        #expect(first.fingerprint != unready.fingerprint)
        // As the server returns it: null members are gone.
        #expect(StatusDocument.fingerprint(JSONValue.object(first.fields).withoutNulls) == first.fingerprint)
    }

    @Test("removes fields that are left out now, so that nothing old remains, and is written once")
    func leftOut() {
        var before = status(ready: true)
        before.lastSeenAt = now
        before.leftVersion = "0"
        before.stable = RevisionStatus(
            revision: Revision(rawValue: "aaaaaaaaaa"), version: "1", weight: 100, replicas: 2, ready: 1, restarts: 1,
            ejected: 1, unavailable: 3, abandoned: 2, progress: "1 starting")
        var after = status(ready: true)
        after.stable = RevisionStatus(
            revision: Revision(rawValue: "aaaaaaaaaa"), version: "1", weight: 100, replicas: 2, ready: 2)
        let old = StatusDocument(before, generation: 1, before: [:], now: now)
        let new = StatusDocument(after, generation: 1, before: [:], now: now)
        let stored = Self.patched(.object(old.fields), with: .object(new.fields))
        #expect(stored == JSONValue.object(new.fields).withoutNulls)
        #expect(StatusDocument.fingerprint(stored) == new.fingerprint)
    }

    /// A merge patch (RFC 7396).
    private static func patched(_ stored: JSONValue, with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var fields: [String: JSONValue] = if case .object(let known) = stored { known } else { [:] }
        for (name, change) in changes {
            fields[name] = change == .null ? nil : patched(fields[name] ?? .null, with: change)
        }
        return JSONValue.object(fields).withoutNulls
    }

    @Test("is not written while only time passes or traffic flows")
    func countsFollow() {
        var later = status(ready: true)
        later.waiting = WaitStatus(cause: "evidence", since: now, endsAt: now)
        let stable = RevisionStatus(
            revision: Revision(rawValue: "aaaaaaaaaa"), version: "1", weight: 100, replicas: 1, ready: 1)
        later.stable = stable
        let first = later
        later.waiting?.endsAt = now.addingTimeInterval(1)
        later.cutRequests = 1
        later.refusedConnections = 2
        later.stable?.unavailable = 3
        later.stable?.abandoned = 4
        func document(_ status: DeploymentStatus) -> StatusDocument {
            StatusDocument(status, generation: 1, before: [:], now: now)
        }
        #expect(document(later).fingerprint == document(first).fingerprint && document(later) != document(first))
        #expect(StatusDocument.outline(later, generation: 1) == StatusDocument.outline(first, generation: 1))
        later.stable?.restarts = 1
        #expect(document(later).fingerprint != document(first).fingerprint)
        #expect(StatusDocument.outline(later, generation: 1) != StatusDocument.outline(first, generation: 1))
    }

    @Test(
        "is changed by a merge patch that turns one value into the other",
        arguments: [
            (["a": 1], ["a": 1], nil),
            (["a": 1, "b": ["c": 2]], ["a": 1, "b": ["c": 3]], ["b": ["c": 3]]),
            (["a": 1, "b": 2], ["a": 1], ["b": .null]),
            (["a": [1, 2]], ["a": [2]], ["a": [2]]),
            (["a": ["b": 1]], ["a": 5, "c": ["d": 1]], ["a": 5, "c": ["d": 1]]),
        ] as [(JSONValue, JSONValue, JSONValue?)])
    func mergePatch(from: JSONValue, to: JSONValue, patch: JSONValue?) { #expect(from.mergePatch(to: to) == patch) }
}
