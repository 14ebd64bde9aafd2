import Testing

@testable import Commands

@Suite("The doctor's findings on ports") struct PortFindingsTests {
    @Test("free ports and the controller's own are well; a port of another process is a problem that names it")
    func own() {
        func finding(_ holder: PortFindings.Holder) -> Finding {
            PortFindings.own(port: 8090, use: "the API (--listen)", holder: holder)
        }
        #expect(finding(.nobody).severity == .ok && finding(.ours).severity == .ok)
        #expect(finding(.other("process 7 (nginx)")).message.contains("process 7 (nginx)"))
        #expect(finding(.other("process 7 (nginx)")).severity == .problem && finding(.unknown).severity == .problem)
    }

    @Test("of many taken ports five are named and the rest counted; unexamined ports are reported")
    func endpoints() {
        let taken = (0..<7).map { (port: 9000 + $0, holder: PortFindings.Holder.unknown) }
        let found = PortFindings.endpoints(looked: 100, left: 3, taken: taken, knowsManifests: true)
        #expect(found.map(\.severity) == Array(repeating: .problem, count: 6) + [.notLookedAt])
        #expect(found[5].message.hasPrefix("2 more ports"))
        func severities(_ looked: Int, knowsManifests: Bool) -> [Finding.Severity] {
            PortFindings.endpoints(looked: looked, left: 0, taken: [], knowsManifests: knowsManifests).map(\.severity)
        }
        #expect(severities(0, knowsManifests: true) == [.notApplicable])
        #expect(severities(0, knowsManifests: false) == [.notLookedAt])
        #expect(severities(5, knowsManifests: false) == [.notLookedAt, .ok])
        #expect(severities(5, knowsManifests: true) == [.ok])
    }
}
