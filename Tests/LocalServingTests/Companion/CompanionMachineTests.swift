import Testing

@testable import LocalServing

@Suite("The state machine of a pod's companion")
struct CompanionMachineTests {
    @Test("a server that answers its probe gets the warm-up requests, and is warm once it has answered them")
    func warms() {
        var machine = CompanionMachine(hasWarmup: true)
        #expect(machine.action == .probe)
        machine.probed(.failure("not yet"))
        #expect(machine.action == .probe)
        machine.probed(.success)
        #expect(machine.action == .play)
        #expect(!machine.isWarm)
        machine.played(.played(notes: nil))
        #expect(machine.isWarm)
        #expect(machine.action == .watch)
    }

    @Test("without warm-up requests, a successful probe is enough")
    func withoutRequests() {
        var machine = CompanionMachine(hasWarmup: false)
        machine.probed(.success)
        #expect(machine.isWarm)
    }

    @Test("a restarted server is warmed up again; a slow one is not")
    func restarted() {
        var machine = CompanionMachine(hasWarmup: true)
        machine.probed(.success)
        machine.played(.played(notes: nil))
        machine.watched(isListening: true)
        #expect(machine.isWarm)
        machine.watched(isListening: false)
        #expect(!machine.isWarm)
        #expect(machine.action == .probe)
    }

    @Test("a failing warm-up is retried a limited number of times, then ends with the last reason")
    func givesUp() {
        var machine = CompanionMachine(hasWarmup: true)
        for attempt in 1...CompanionMachine.mostAttempts {
            #expect(machine.action == .probe)
            machine.probed(.success)
            machine.played(.failed("reason \(attempt)"))
            if attempt < CompanionMachine.mostAttempts { #expect(machine.pause == CompanionMachine.retryPause) }
        }
        #expect(machine.action == .leave("reason \(CompanionMachine.mostAttempts)"))
    }

    @Test("failures before a success do not count afterwards")
    func forgets() {
        var machine = CompanionMachine(hasWarmup: true)
        for _ in 0..<2 {
            for _ in 1..<CompanionMachine.mostAttempts {
                machine.probed(.success)
                machine.played(.failed("x"))
            }
            machine.probed(.success)
            machine.played(.played(notes: nil))
            #expect(machine.isWarm)
            machine.watched(isListening: false)
        }
    }
}
