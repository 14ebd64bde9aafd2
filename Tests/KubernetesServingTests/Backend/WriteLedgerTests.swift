import KubernetesClient
import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("Decisions about writes")
struct WriteLedgerTests {
    private let id = ObjectID(type: .services, key: NamespacedName(namespace: "payments", name: "s"))

    private func live(_ applied: String?, own: UInt64? = 7, version: String = "1", leaving: Bool = false) -> LiveObject
    {
        Sample.live(.services, "s", labels: [:], applied: applied, own: own, isBeingDeleted: leaving, version: version)
    }

    private func verdict(
        _ ledger: WriteLedger, hash: String = "h", _ live: LiveObject?, at seconds: Int = 1, expected: UInt64 = 7
    ) -> WriteLedger.Verdict {
        ledger.verdict(id, hash: hash, live: live, now: .seconds(seconds)) { expected }
    }

    private func written(hash: String = "h", before: String?, own: UInt64? = 7, at seconds: Int = 0)
        -> WriteLedger.Written
    {
        WriteLedger.Written(hash: hash, before: before, own: own, at: .seconds(seconds))
    }

    @Test("what an earlier run of the controller applied is not applied again")
    func adopted() {
        #expect(verdict(WriteLedger(), live("h")) == .upToDate)
        #expect(verdict(WriteLedger(), nil) == .write(corrects: false))
        #expect(verdict(WriteLedger(), live("other")) == .write(corrects: false))
    }

    @Test("an edit by hand is reverted once; the answer says what mlctl owns, whatever was expected")
    func edited() {
        var ledger = WriteLedger()
        #expect(verdict(ledger, live("h", own: 3)) == .write(corrects: true))
        ledger.note(id, written(before: "1", own: 5), corrects: true)
        #expect(verdict(ledger, live("h", own: 5, version: "2")) == .upToDate)
        #expect(verdict(ledger, live("h", own: 4, version: "3")) == .write(corrects: true))
    }

    @Test("it waits for a late cache, but not for ever")
    func late() {
        var ledger = WriteLedger()
        ledger.note(id, written(before: nil), corrects: false)
        #expect(verdict(ledger, nil) == .awaitCache)
        #expect(verdict(ledger, nil, at: 11) == .write(corrects: true))
        ledger.note(id, written(hash: "new", before: "1"), corrects: false)
        #expect(verdict(ledger, hash: "new", live("h")) == .awaitCache)
        #expect(verdict(ledger, hash: "new", live("h", version: "2")) == .write(corrects: true))
        #expect(verdict(ledger, hash: "newer", live("h")) == .write(corrects: false))
    }

    @Test("a write of the cluster's controllers between the parts of a write is not an edit")
    func between() {
        var ledger = WriteLedger()
        ledger.note(
            id, WriteLedger.Written(hash: "h", before: "7", after: "12", own: 7, at: .zero), corrects: false)
        #expect(verdict(ledger, live("h", own: 3, version: "7")) == .awaitCache)
        #expect(verdict(ledger, live("h", own: 3, version: "11")) == .awaitCache)
        #expect(verdict(ledger, live("h", own: 3, version: "13")) == .write(corrects: true))
        #expect(verdict(ledger, live("h", own: 3, version: "11"), at: 11) == .write(corrects: true))
    }

    @Test("an object deleted by hand is created again at once; one that is still being deleted is waited for")
    func deleted() {
        var ledger = WriteLedger()
        ledger.note(id, written(before: nil), corrects: false)
        ledger.forgetWrite(of: id)
        #expect(verdict(ledger, nil) == .write(corrects: true))
        #expect(verdict(ledger, live("h", leaving: true)) == .awaitCache)
    }

    @Test("a writer that keeps changing an object is answered at growing intervals")
    func contested() {
        var ledger = WriteLedger()
        for second in 0..<5 {
            #expect(verdict(ledger, live("h", own: 1, version: "x\(second)"), at: second) == .write(corrects: true))
            ledger.note(id, written(before: "x\(second)", at: second), corrects: true)
        }
        #expect(ledger.isContested(id, now: .seconds(5)))
        #expect(verdict(ledger, live("h", own: 1, version: "y"), at: 5) == .hold)
        #expect(verdict(ledger, live("h", own: 1, version: "y"), at: 34) == .write(corrects: true))
        #expect(!ledger.isContested(id, now: .seconds(200)))
    }
}
