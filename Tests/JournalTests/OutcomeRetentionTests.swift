import ControlPorts
import Foundation
import GRDB
import ModelManifests
import Serving
import Testing

@testable import Journal

@Suite("Outcomes in the journal")
struct OutcomeRetentionTests {
    private let folder: TemporaryFolder
    private let store: JournalStore
    private let fraud = DeploymentKey(namespace: "payments", name: "fraud")
    private let revision = Revision(rawValue: "aaaaaaaaaa")
    private let day = 86_400

    init() throws {
        folder = try TemporaryFolder()
        store = try JournalStore(path: folder.file())
    }

    private func outcomes(_ seconds: some Sequence<Int>, of revision: Revision? = nil) -> [VerifiedOutcome] {
        seconds.map { second in
            VerifiedOutcome(
                request: RequestIdentity(
                    revision: revision ?? self.revision, atSeconds: UInt32(second), random: UInt32(second)),
                reported: ReportedOutcome(requestId: "\(second)", label: "correct", value: 1))
        }
    }

    private func count(since: Date? = nil) async throws -> Double? {
        try await store.totals(of: fraud, revisions: [revision], labels: ["correct"], since: since).first?
            .counters.named["correct.count"]
    }

    private func rows(_ table: String) async throws -> Int? {
        try await store.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") }
    }

    @Test("survive a restart: a counted outcome is not counted again")
    func restart() async throws {
        _ = try await store.record(outcomes(1...5), of: fraud)
        try store.close()
        let reopened = try JournalStore(path: folder.file())
        #expect(try await reopened.record(outcomes(4...6), of: fraud) == OutcomeReceipt(accepted: 1, repeated: 2))
    }

    @Test("are written completely or not at all")
    func atomic() async throws {
        try await store.database.write { db in
            try db.execute(
                sql: """
                    CREATE TRIGGER broken BEFORE INSERT ON outcome_minute
                    BEGIN SELECT RAISE(ABORT, 'no'); END
                    """)
        }
        await #expect(throws: JournalError.self) { try await store.record(outcomes(1...3), of: fraud) }
        #expect(try await rows("outcome") == 0)
        #expect(try await rows("outcome_series") == 0)
    }

    @Test("beyond the limit lose the oldest requests, whose late reports are then refused; their sums stay")
    func limit() async throws {
        _ = try await store.record(outcomes(1...100), of: fraud, remembering: 100)
        #expect(try await rows("outcome") == 100)
        _ = try await store.record(outcomes(101...105), of: fraud, remembering: 100)
        #expect(try await rows("outcome") == 90)
        let late = try await store.record(outcomes([1, 15, 16, 200]), of: fraud, remembering: 100)
        #expect(late.accepted == 1 && late.repeated == 1 && late.refused == 2)
        #expect(late.refusals.map(\.requestId) == ["1", "15"])
        #expect(try await count() == 106)
    }

    @Test("single outcomes are dropped when they can no longer be reported, and their sums stay")
    func age() async throws {
        let now = Date(timeIntervalSince1970: Double(100 * day))
        _ = try await store.record(outcomes([84 * day, 86 * day]), of: fraud)
        try await store.pruneOutcomes(keeping: [fraud: [revision]], now: now)
        #expect(try await rows("outcome") == 1)
        #expect(try await count() == 2)
        #expect(try await store.record(outcomes([84 * day]), of: fraud).refused == 1)
        #expect(try await store.record(outcomes([86 * day]), of: fraud).repeated == 1)
    }

    @Test("are deleted with their revision, in batches")
    func revisions() async throws {
        let gone = Revision(rawValue: "bbbbbbbbbb")
        _ = try await store.record(outcomes(0..<1_200, of: gone), of: fraud)
        _ = try await store.record(outcomes(0..<3), of: fraud)
        try await store.pruneOutcomes(keeping: [fraud: [revision]], now: Date(timeIntervalSince1970: 10))
        #expect(try await rows("outcome") == 3)
        #expect(try await rows("outcome_series") == 1)
        #expect(try await rows("outcome_minute") == 1)
        #expect(try await count() == 3)
    }

    @Test("are stored completely in a batch of ten thousand")
    func large() async throws {
        #expect(try await store.record(outcomes(0..<10_000), of: fraud).accepted == 10_000)
        #expect(try await count() == 10_000)
    }
}
