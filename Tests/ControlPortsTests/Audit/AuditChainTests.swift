import Foundation
import ModelManifests
import Testing

@testable import ControlPorts

@Suite("The chain of the audit trail")
struct AuditChainTests {
    private static let (fraud, churn) = (DeploymentKey(name: "fraud"), DeploymentKey(name: "churn"))

    /// Entries of two deployments, one after the other.
    static func entries(_ count: Int) -> [AuditEntry] {
        var last: [DeploymentKey: String] = [:]
        return (1...count).map { id in
            let deployment = id.isMultiple(of: 2) ? fraud : churn
            let (previous, body) = (last[deployment] ?? "", "{\"message\":\"\(id)\"}")
            let link = AuditChain.link(previous: previous, deployment: deployment, body: body)
            last[deployment] = link
            return AuditEntry(id: id, deployment: deployment, previous: previous, body: body, link: link)
        }
    }

    private func problems(_ entries: [AuditEntry]) -> [AuditChain.Problem] {
        var chain = AuditChain()
        for entry in entries { chain.add(entry) }
        return chain.problems
    }

    @Test("what was written is complete, also without the oldest entries")
    func whole() {
        let all = Self.entries(10)
        #expect(problems(all).isEmpty && problems(Array(all.dropFirst(3))).isEmpty && problems([]).isEmpty)
    }

    @Test("every change is found: of a text, a deployment or a link, an entry taken out, put in, doubled or moved")
    func changes() {
        let all = Self.entries(10)
        func changed(_ index: Int, _ change: (inout AuditEntry) -> Void) -> [AuditEntry] {
            var entries = all
            change(&entries[index])
            return entries
        }
        #expect(problems(changed(4) { $0.body = "{}" }) == [.changed(id: 5)])
        #expect(problems(changed(4) { $0.name = "fraud" }).contains(.changed(id: 5)))
        #expect(problems(changed(4) { $0.link = all[2].link }).contains(.changed(id: 5)))
        var without = all
        without.remove(at: 4)
        #expect(problems(without) == [.broken(id: 7, after: 3)])
        #expect(problems(all + [all[4]]).contains(.disordered(id: 5)))
        var swapped = all
        swapped.swapAt(2, 4)
        #expect(!problems(swapped).isEmpty)
        // A changed entry with a new link that fits it: the next one shows it.
        let forged = changed(4) {
            $0.body = "{}"
            $0.link = AuditChain.link(previous: $0.previous, deployment: $0.deployment, body: "{}")
        }
        #expect(problems(forged) == [.broken(id: 7, after: 5)])
    }

    @Test("a new chain is found by an earlier export, and what was deleted after its time is not")
    func rewritten() {
        let all = Self.entries(300)
        let heads = [all[4], all[5]]
        #expect(AuditChain.rewritten(heads, in: all).isEmpty)
        #expect(AuditChain.rewritten(heads, in: Array(all.dropFirst(60))).isEmpty)
        // Fewer than are kept at any age: somebody took them out.
        #expect(AuditChain.rewritten(heads, in: Array(all.dropFirst(200))) == [.rewritten(id: 5), .rewritten(id: 6)])
        var other = all[5]
        other.body = "{}"
        other.link = AuditChain.link(previous: other.previous, deployment: other.deployment, body: "{}")
        #expect(AuditChain.rewritten(heads, in: [all[0], all[1], other]) == [.rewritten(id: 5), .rewritten(id: 6)])
        #expect(AuditChain.rewritten(heads, in: []) == [.rewritten(id: 5), .rewritten(id: 6)])
    }

    @Test("no two contents have one text, whatever stands in a name")
    func framing() {
        let one = AuditChain.link(previous: "a", deployment: DeploymentKey(namespace: "b", name: "c"), body: "d")
        #expect(
            one != AuditChain.link(previous: "", deployment: DeploymentKey(namespace: "a\nb", name: "c"), body: "d"))
        #expect(one.count == 64)
    }
}
