import ModelManifests
import TestSupport
import Testing

@testable import TrafficProxy

@Suite("The owner that answers at each open port")
struct PortAssignmentTests {
    private let a = PortOwner(deployment: DeploymentKey(name: "a"))
    private let b = PortOwner(deployment: DeploymentKey(name: "b"))
    private let c = PortOwner(deployment: DeploymentKey(name: "c"))

    @Test("a new port is opened first; meanwhile its owner stays at the old one")
    func moves() {
        let before = PortAssignment(wanted: [a: 2], open: [1: a])
        #expect(before.answers == [1: a] && before.opens == [2])
        let after = PortAssignment(wanted: [a: 2], open: [1: a, 2: nil])
        #expect(after.answers == [2: a] && after.opens.isEmpty)
    }

    @Test("two swap, three rotate, and no port is opened or closed for that")
    func ring() {
        let swapped = PortAssignment(wanted: [a: 2, b: 1], open: [1: a, 2: b])
        #expect(swapped.answers == [2: a, 1: b] && swapped.opens.isEmpty)
        let turned = PortAssignment(wanted: [a: 2, b: 3, c: 1], open: [1: a, 2: b, 3: c])
        #expect(turned.answers == [2: a, 3: b, 1: c] && turned.opens.isEmpty)
    }

    @Test("a removed owner passes its open port to its successor")
    func successor() {
        let handed = PortAssignment(wanted: [b: 1], open: [1: a])
        #expect(handed.answers == [1: b] && handed.opens.isEmpty)
    }

    @Test("owners wait for a port whose owner cannot leave, along the whole chain")
    func chain() {
        let stuck = PortAssignment(wanted: [a: 9, b: 1, c: 2], open: [1: a, 2: b, 3: c])
        #expect(stuck.answers == [1: a, 2: b, 3: c] && stuck.opens == [9])
        #expect(stuck.waits == [b: a, c: b])
        let free = PortAssignment(wanted: [a: 9, b: 1, c: 2], open: [1: a, 2: b, 3: c, 9: nil])
        #expect(free.answers == [9: a, 1: b, 2: c] && free.waits.isEmpty)
    }

    @Test("an owner that asks for no port keeps the one it has, against all that ask for it")
    func keeps() {
        let kept = PortAssignment(wanted: [a: nil, b: 1], open: [1: a])
        #expect(kept.answers == [1: a] && kept.opens.isEmpty && kept.waits == [b: a])
        let both = PortAssignment(wanted: [a: 1, b: 1], open: [:])
        #expect(both.opens == [1] && both.waits == [b: a])
    }

    @Test(
        "whatever the order of changes, no owner loses an open port, and all get theirs once all can be opened",
        arguments: 0..<300)
    func anyOrder(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let owners = (0..<6).map { PortOwner(deployment: DeploymentKey(name: "d\($0)")) }
        var open: [Int: PortOwner?] = [:]
        for _ in 0..<20 {
            let ports = Array(0..<10).shuffled(using: &random)
            var wanted: [PortOwner: Int?] = [:]
            for (owner, port) in zip(owners, ports) where Int.random(in: 0..<5, using: &random) > 0 {
                wanted[owner] = .some(port)
            }
            let blocked = Set(ports.filter { _ in Int.random(in: 0..<3, using: &random) == 0 })
            settle(wanted, blocked: blocked, &open)
            // From now on every port can be opened.
            settle(wanted, blocked: [], &open)
            for (owner, port) in wanted { #expect(port.map { open[$0] == owner } == true) }
            #expect(open.count == wanted.count)
        }
    }

    /// Opens what can be opened, until nothing changes.
    private func settle(_ wanted: [PortOwner: Int?], blocked: Set<Int>, _ open: inout [Int: PortOwner?]) {
        for _ in 0..<20 {
            let answering = Set(open.values.compactMap(\.self))
            let assignment = PortAssignment(wanted: wanted, open: open)
            let now = Set(assignment.answers.values)
            #expect(now.count == assignment.answers.count)
            #expect(answering.filter { wanted[$0] != nil }.isSubset(of: now))
            #expect(assignment.answers.keys.allSatisfy { open[$0] != nil })
            #expect(assignment.opens.allSatisfy { open[$0] == nil })
            var next = assignment.answers.mapValues { Optional($0) }
            for port in assignment.opens.subtracting(blocked) { next[port] = .some(nil) }
            if next == open { return }
            open = next
        }
        Issue.record("the ports do not settle")
    }
}
