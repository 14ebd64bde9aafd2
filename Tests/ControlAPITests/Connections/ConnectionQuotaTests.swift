import Testing

@testable import ControlAPI

@Suite("The ledger of connections") struct ConnectionLedgerTests {
    private final class Connection {}

    /// A class around the ledger, so that changes can be made within an expectation.
    private final class Book {
        var value = ConnectionQuota(
            limits: ConnectionLimits(unprovedOfPeer: 3, unproved: 5, ofCaller: 2, proved: 3))

        var count: Int { value.count }
        func open(_ id: ObjectIdentifier, from peer: String) -> [ObjectIdentifier] { value.open(id, from: peer) }
        func prove(_ id: ObjectIdentifier, caller: String) -> Bool { value.prove(id, caller: caller) }
        func doubt(_ id: ObjectIdentifier) { value.doubt(id) }
        func close(_ id: ObjectIdentifier) { value.close(id) }
    }

    private let ledger = Book()
    private let all = (0..<20).map { _ in Connection() }

    private func id(_ index: Int) -> ObjectIdentifier { ObjectIdentifier(all[index]) }

    @Test("a peer's oldest unauthenticated connection is closed for its newest one, and no other peer's")
    func ofPeer() {
        #expect(ledger.open(id(9), from: "b") == [])
        for index in 0..<3 { #expect(ledger.open(id(index), from: "a") == []) }
        #expect(ledger.open(id(3), from: "a") == [id(0)])
        #expect(ledger.open(id(4), from: "a") == [id(1)])
        #expect(ledger.count == 4)
    }

    @Test("at the total limit, the peer with the most connections loses one")
    func ofAll() {
        for index in 0..<3 { _ = ledger.open(id(index), from: "a") }
        for index in 3..<5 { #expect(ledger.open(id(index), from: "b") == []) }
        #expect(ledger.open(id(5), from: "c") == [id(0)])
        #expect(ledger.count == 5)
    }

    @Test("an authenticated connection stays, however many others come")
    func proved() {
        _ = ledger.open(id(0), from: "a")
        #expect(ledger.prove(id(0), caller: "ada"))
        for index in 1..<20 { #expect(!ledger.open(id(index), from: "a").contains(id(0))) }
        #expect(ledger.count == 4)
    }

    @Test("authenticated connections are limited per caller and in total, and closing one makes room")
    func callers() {
        for index in 0..<5 { _ = ledger.open(id(index), from: "p\(index)") }
        #expect(ledger.prove(id(0), caller: "ada") && ledger.prove(id(1), caller: "ada"))
        #expect(!ledger.prove(id(2), caller: "ada"))
        #expect(ledger.prove(id(2), caller: "bob") && !ledger.prove(id(3), caller: "cyd"))
        ledger.close(id(0))
        #expect(ledger.prove(id(3), caller: "cyd"))
        #expect(ledger.prove(id(3), caller: "cyd") && ledger.prove(id(3), caller: "ada"))
    }

    @Test("a connection whose next request is not authenticated counts as unauthenticated again")
    func doubted() {
        for index in 0..<3 { _ = ledger.open(id(index), from: "a") }
        _ = ledger.prove(id(0), caller: "ada")
        #expect(ledger.open(id(3), from: "a") == [])
        ledger.doubt(id(0))
        #expect(ledger.open(id(4), from: "a") == [id(0)])
    }

    @Test("after any sequence of changes, nothing is left of closed connections")
    func balance() {
        for round in 0..<3 {
            for index in all.indices {
                _ = ledger.open(id(index), from: "p\(index % 3)")
                if index % 2 == 0 { _ = ledger.prove(id(index), caller: "c\(index % 4)") }
                if index % 5 == 0 { ledger.doubt(id(index)) }
            }
            for index in all.indices { ledger.close(id(index)) }
            #expect(ledger.count == 0, "round \(round)")
        }
        for index in 0..<3 { #expect(ledger.open(id(index), from: "a") == []) }
        #expect(ledger.prove(id(0), caller: "ada") && ledger.prove(id(1), caller: "ada"))
    }
}
