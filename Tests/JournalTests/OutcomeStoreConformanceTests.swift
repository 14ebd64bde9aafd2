import ControlPorts
import Foundation
import Journal
import ModelManifests
import Serving
import TestSupport
import Testing

/// The guarantees of every outcome store, tested against the model and against SQLite.
@Suite("An outcome store")
struct OutcomeStoreConformanceTests {
    enum Kind: String, CaseIterable, Sendable { case memory, journal }

    private let folder: TemporaryFolder
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private let churn = DeploymentKey(namespace: "crm", name: "churn")
    private let old = Revision(rawValue: "aaaaaaaaaa")
    private let new = Revision(rawValue: "bbbbbbbbbb")

    init() throws { folder = try TemporaryFolder() }

    private func store(_ kind: Kind) throws -> any OutcomeStore {
        switch kind {
        case .memory: InMemoryOutcomeStore()
        case .journal: try JournalStore(path: folder.file())
        }
    }

    private func outcome(
        _ random: UInt32, _ revision: Revision, _ value: Double = 1, label: String = "correct", at seconds: UInt32 = 600
    ) -> VerifiedOutcome {
        VerifiedOutcome(
            request: RequestIdentity(revision: revision, atSeconds: seconds, random: random),
            reported: ReportedOutcome(requestId: "\(revision)-\(random)", label: label, value: value))
    }

    private func named(
        _ store: any OutcomeStore, _ revisions: [Revision], _ labels: [String] = ["correct"], since: Date? = nil
    ) async throws -> [[String: Double]] {
        try await store.totals(of: fraud, revisions: revisions, labels: labels, since: since).map(\.counters.named)
    }

    @Test("returns zero for a label without outcomes, so that counting starts there", arguments: Kind.allCases)
    func empty(kind: Kind) async throws {
        let store = try store(kind)
        let readings = try await store.totals(of: fraud, revisions: [old, new], labels: ["correct"], since: nil)
        #expect(readings.map(\.revision) == [old, new])
        #expect(readings.map(\.instance) == ["outcomes/aaaaaaaaaa", "outcomes/bbbbbbbbbb"])
        #expect(readings.map(\.counters.named) == Array(repeating: ["correct.count": 0, "correct.sum": 0], count: 2))
        #expect(try await store.record([], of: fraud) == OutcomeReceipt())
    }

    @Test("sums by revision and label, separately for each deployment", arguments: Kind.allCases)
    func sums(kind: Kind) async throws {
        let store = try store(kind)
        let batch = [
            outcome(1, old), outcome(2, old, 0), outcome(3, new, 0), outcome(1, old, 2.5, label: "cost"),
            outcome(2, old, 0.25, label: "cost"),
        ]
        #expect(try await store.record(batch, of: fraud) == OutcomeReceipt(accepted: 5))
        #expect(try await store.record([outcome(1, old)], of: churn) == OutcomeReceipt(accepted: 1))
        #expect(
            try await named(store, [old, new], ["correct", "cost"]) == [
                ["correct.count": 2, "correct.sum": 1, "cost.count": 2, "cost.sum": 2.75],
                ["correct.count": 1, "correct.sum": 0, "cost.count": 0, "cost.sum": 0],
            ])
    }

    @Test(
        "counts a request's label once, whatever is reported later, within a batch and over batches",
        arguments: Kind.allCases)
    func repeats(kind: Kind) async throws {
        let store = try store(kind)
        let first = try await store.record([outcome(1, old), outcome(1, old, 0), outcome(2, old, 0)], of: fraud)
        #expect(first == OutcomeReceipt(accepted: 2, repeated: 1))
        let again = try await store.record([outcome(1, old, 0), outcome(2, old), outcome(3, old)], of: fraud)
        #expect(again == OutcomeReceipt(accepted: 1, repeated: 2))
        #expect(try await named(store, [old]) == [["correct.count": 3, "correct.sum": 2]])
    }

    @Test("distinguishes requests by their second as well as by their number", arguments: Kind.allCases)
    func identity(kind: Kind) async throws {
        let store = try store(kind)
        let receipt = try await store.record([outcome(1, old), outcome(1, old, at: 601), outcome(1, new)], of: fraud)
        #expect(receipt.accepted == 3)
    }

    @Test("leaves out requests from before a time, in full minutes", arguments: Kind.allCases)
    func since(kind: Kind) async throws {
        let store = try store(kind)
        let batch = [
            outcome(1, old, at: 599), outcome(2, old, at: 600), outcome(3, old, at: 659), outcome(4, old, at: 660),
        ]
        _ = try await store.record(batch, of: fraud)
        func count(_ since: Double) async throws -> Double? {
            try await named(store, [old], since: Date(timeIntervalSince1970: since)).first?["correct.count"]
        }
        #expect(try await count(0) == 4)
        #expect(try await count(600) == 3)
        #expect(try await count(600.5) == 1)
        #expect(try await count(661) == 0)
    }

    @Test(
        "accepts a limited number of labels for a revision, and more outcomes of the labels that it has",
        arguments: Kind.allCases)
    func labels(kind: Kind) async throws {
        let store = try store(kind)
        let labels = (0..<OutcomeLimits.labels).map { outcome(1, old, label: "label-\($0)") }
        #expect(try await store.record(labels, of: fraud).accepted == OutcomeLimits.labels)
        let more = try await store.record(
            [outcome(2, old, label: "label-0"), outcome(2, old, label: "more")], of: fraud)
        #expect(more.accepted == 1 && more.refused == 1)
        #expect(more.refusals.map(\.label) == ["more"])
        #expect(try await store.record([outcome(2, new, label: "more")], of: fraud).accepted == 1)
    }
}
