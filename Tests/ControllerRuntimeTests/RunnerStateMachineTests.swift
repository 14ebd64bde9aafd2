import TestSupport
import Testing
import Transport

@testable import ControllerRuntime

private typealias Machine = RunnerStateMachine<String, ManualClock.Instant>

private func at(_ seconds: Int) -> ManualClock.Instant { ManualClock.Instant(.seconds(seconds)) }

@Suite("The runner's decisions")
struct RunnerStateMachineTests {
    private var random = SeededRandom(seed: 1)

    private func started(concurrency: Int = 8, reserved: Int = 1, grace: Duration = .seconds(10)) -> Machine {
        var machine = Machine(
            configuration: RunnerConfiguration(
                concurrency: concurrency, reserved: reserved,
                transientBackoff: Backoff(initial: .seconds(1), cap: .seconds(8), jitter: 0),
                waitingBackoff: Backoff(initial: .seconds(30), cap: .seconds(60), jitter: 0),
                stopGracePeriod: grace))
        #expect(machine.start() == true)
        return machine
    }

    @Test("nothing is started before it runs; keys that were added before are started then")
    func idle() {
        var machine = Machine(configuration: RunnerConfiguration())
        machine.add("a", at: at(0))
        #expect(machine.nextAction(now: at(1)) == .wait(until: nil))
        #expect(machine.start() == true)
        #expect(machine.nextAction(now: at(1)) == .start("a"))
        #expect(machine.start() == false)
    }

    @Test("with nothing due, it waits until the earliest key")
    func waits() {
        var machine = started()
        #expect(machine.nextAction(now: at(0)) == .wait(until: nil))
        machine.add("a", at: at(9))
        machine.add("b", at: at(5))
        #expect(machine.nextAction(now: at(0)) == .wait(until: at(5)))
        #expect(machine.nextAction(now: at(5)) == .start("b"))
        #expect(machine.nextAction(now: at(5)) == .wait(until: at(9)))
    }

    @Test("no more than `concurrency` workers run")
    mutating func concurrency() {
        var machine = started(concurrency: 2, reserved: 0)
        for key in ["a", "b", "c"] { machine.add(key, at: at(0)) }
        #expect(machine.nextAction(now: at(0)) == .start("a"))
        #expect(machine.nextAction(now: at(0)) == .start("b"))
        #expect(machine.nextAction(now: at(0)) == .wait(until: nil))
        #expect(machine.snapshot == RunnerSnapshot(pending: 1, running: 2, failing: 0, putOff: 0))
        machine.workerEnded("b", .done, now: at(1), using: &random)
        #expect(machine.nextAction(now: at(1)) == .start("c"))
    }

    @Test("a key that asks for another pass gets it after its delay")
    mutating func after() {
        var machine = started()
        machine.add("a", at: at(0))
        #expect(machine.nextAction(now: at(0)) == .start("a"))
        machine.workerEnded("a", .after(.seconds(7)), now: at(3), using: &random)
        #expect(machine.nextAction(now: at(3)) == .wait(until: at(10)))
    }

    @Test("a key that was added while it ran runs again at once, whatever its pass asked for")
    mutating func addedWhileRunning() {
        var machine = started()
        machine.add("a", at: at(0))
        #expect(machine.nextAction(now: at(0)) == .start("a"))
        machine.add("a", at: at(1))
        machine.workerEnded("a", .after(.seconds(60)), now: at(3), using: &random)
        #expect(machine.nextAction(now: at(3)) == .start("a"))
    }

    @Test("failures wait longer each time, and a success resets the wait")
    mutating func backoff() {
        var machine = started()
        var (now, waits) = (0, [Int]())
        machine.add("a", at: at(0))
        for requeue: Requeue in [
            .backoff(.transient), .backoff(.transient), .backoff(.transient), .backoff(.transient),
            .backoff(.transient), .after(.seconds(5)), .backoff(.transient), .backoff(.waiting), .backoff(.waiting),
        ] {
            #expect(machine.nextAction(now: at(now)) == .start("a"))
            machine.workerEnded("a", requeue, now: at(now), using: &random)
            guard case .wait(.some(let next)) = machine.nextAction(now: at(now)) else {
                Issue.record("no wait after \(requeue)")
                return
            }
            waits.append(Int(next.offset.components.seconds) - now)
            now += waits.last!
        }
        #expect(waits == [1, 2, 4, 8, 8, 5, 1, 60, 60])
    }

    @Test("each key backs off separately")
    mutating func backoffPerKey() {
        var machine = started()
        for key in ["a", "a", "b"] {
            machine.add(key, at: at(0))
            #expect(machine.nextAction(now: at(100)) == .start(key))
            machine.workerEnded(key, .backoff(.transient), now: at(100), using: &random)
        }
        #expect(machine.snapshot == RunnerSnapshot(pending: 2, running: 0, failing: 2, putOff: 0))
        #expect(machine.nextAction(now: at(100)) == .wait(until: at(101)))
        #expect(machine.nextAction(now: at(101)) == .start("b"))
        #expect(machine.nextAction(now: at(101)) == .wait(until: at(102)))
    }

    @Test("after a terminal failure a key does not run until it is added")
    mutating func terminal() {
        var machine = started()
        machine.add("a", at: at(0))
        #expect(machine.nextAction(now: at(0)) == .start("a"))
        machine.workerEnded("a", .backoff(.terminal), now: at(0), using: &random)
        #expect(machine.nextAction(now: at(9_999)) == .wait(until: nil))
        machine.add("a", at: at(9_999))
        #expect(machine.nextAction(now: at(9_999)) == .start("a"))
    }

    @Test("once stopped, it starts nothing, waits for its workers, and finishes with the last")
    mutating func stop() {
        var machine = started()
        machine.add("a", at: at(0))
        #expect(machine.nextAction(now: at(0)) == .start("a"))
        machine.add("b", at: at(0))
        machine.stop()
        #expect(machine.nextAction(now: at(4)) == .wait(until: at(14)))
        machine.stop()
        #expect(machine.nextAction(now: at(5)) == .wait(until: at(14)))
        machine.workerEnded("a", .after(.zero), now: at(6), using: &random)
        #expect(machine.nextAction(now: at(6)) == .finish)
    }

    @Test("workers that do not end within the grace period are cancelled")
    func grace() {
        var machine = started(grace: .seconds(3))
        machine.add("a", at: at(0))
        #expect(machine.nextAction(now: at(0)) == .start("a"))
        machine.stop()
        #expect(machine.nextAction(now: at(1)) == .wait(until: at(4)))
        #expect(machine.nextAction(now: at(4)) == .cancelWorkers)
    }

    @Test("if it is stopped before it runs, it finishes at once")
    func stoppedBefore() {
        var machine = Machine(configuration: RunnerConfiguration())
        machine.add("a", at: at(0))
        machine.stop()
        #expect(machine.start() == true)
        #expect(machine.nextAction(now: at(0)) == .finish)
    }

    @Test("routine keys leave one worker to keys of more urgent classes, which may use all workers")
    mutating func reserved() {
        var machine = started(concurrency: 3)
        for key in ["a", "b", "c"] { machine.add(key, at: at(0)) }
        #expect(machine.nextAction(now: at(0)) == .start("a"))
        #expect(machine.nextAction(now: at(0)) == .start("b"))
        #expect(machine.nextAction(now: at(0)) == .wait(until: nil))
        machine.add("judged", at: at(5), urgency: .judging)
        #expect(machine.nextAction(now: at(0)) == .wait(until: at(5)))
        #expect(machine.nextAction(now: at(5)) == .start("judged"))
        machine.add("asked", at: at(5), urgency: .urgent)
        #expect(machine.nextAction(now: at(5)) == .wait(until: nil))
        machine.workerEnded("a", .done, now: at(6), using: &random)
        #expect(machine.nextAction(now: at(6)) == .start("asked"))
        machine.workerEnded("judged", .done, now: at(6), using: &random)
        #expect(machine.nextAction(now: at(6)) == .start("c"))
    }

    @Test("with one worker none is reserved, and every key gets its turn")
    mutating func oneWorker() {
        var machine = started(concurrency: 1)
        machine.add("a", at: at(0))
        #expect(machine.nextAction(now: at(0)) == .start("a"))
    }

    @Test("a key keeps the class that its last pass asked for, until a pass asks for another")
    mutating func remembersClass() {
        var machine = started(concurrency: 1)
        machine.add("judged", at: at(0))
        #expect(machine.nextAction(now: at(0)) == .start("judged"))
        machine.workerEnded("judged", .after(.seconds(60), .judging), now: at(0), using: &random)
        // The key is added because something changed. It runs before keys that have waited longer.
        machine.add("other", at: at(1))
        machine.add("judged", at: at(2))
        #expect(machine.nextAction(now: at(2)) == .start("judged"))
        machine.workerEnded("judged", .backoff(.transient), now: at(2), using: &random)
        #expect(machine.nextAction(now: at(4)) == .start("judged"))
        // Adding a key can make it more urgent, not less.
        machine.add("judged", at: at(4), urgency: .changing)
        machine.workerEnded("judged", .after(.seconds(60), .judging), now: at(4), using: &random)
        #expect(machine.nextAction(now: at(4)) == .start("judged"))
        machine.workerEnded("judged", .done, now: at(4), using: &random)
        #expect(machine.nextAction(now: at(4)) == .start("other"))
        machine.workerEnded("other", .done, now: at(4), using: &random)
        machine.add("other", at: at(4))
        machine.add("judged", at: at(4))
        #expect(machine.nextAction(now: at(4)) == .start("other"))
    }

    @Test("a key that fails keeps its class: a commit for a serving deployment does not fall behind new ones")
    mutating func failsInItsClass() {
        var machine = started(concurrency: 1)
        machine.add("served", at: at(0), urgency: .changing)
        #expect(machine.nextAction(now: at(0)) == .start("served"))
        machine.add("new", at: at(1))
        machine.workerEnded("served", .backoff(.transient), now: at(1), using: &random)
        #expect(machine.nextAction(now: at(20)) == .start("served"))
        machine.workerEnded("served", .done, now: at(20), using: &random)
        machine.add("served", at: at(20))
        // After `done` the earlier class does not count.
        #expect(machine.nextAction(now: at(20)) == .start("new"))
    }

    /// The starts of one key within a minute. Each pass ends at once, and `again` says how the key comes back.
    private mutating func startsInAMinute(
        alone: Bool = true, _ again: (inout Machine, ManualClock.Instant) -> Requeue
    ) -> (starts: Int, putOff: Int) {
        var machine = started()
        machine.add("loops", at: at(0))
        var (starts, now) = (0, at(0))
        // A pass takes a millisecond.
        for _ in 0..<200_000 where now < at(60) {
            switch machine.nextAction(now: now) {
            case .start(let key):
                starts += 1
                let requeue = again(&machine, now)
                now = now.advanced(by: .milliseconds(1))
                machine.workerEnded(key, requeue, now: now, using: &random)
            case .wait(let next?): now = max(next, now)
            default: return (starts, machine.snapshot.putOff)
            }
        }
        return (starts, machine.snapshot.putOff)
    }

    @Test("a key that comes back at once, by itself or by what its pass causes, is slowed down to one pass a second")
    mutating func noBusyLoop() {
        let byItself = startsInAMinute { _, _ in .after(.zero) }
        #expect(byItself.starts > 30 && byItself.starts < 120)
        #expect(byItself.putOff > 20)
        let byItsEffect = startsInAMinute { machine, now in
            machine.add("loops", at: now)
            return .after(.seconds(15))
        }
        #expect(byItsEffect.starts > 30 && byItsEffect.starts < 120)
        let judged = startsInAMinute { machine, now in
            machine.add("loops", at: now)
            return .after(.milliseconds(500), .judging)
        }
        #expect(judged.starts > 30 && judged.starts < 120)
    }

    @Test("a key that runs twice a second, or changes in a burst, is not slowed down")
    mutating func noSlowingOfTheUsual() {
        let judged = startsInAMinute { _, _ in .after(.milliseconds(500), .judging) }
        #expect(judged.starts >= 119 && judged.putOff == 0)
        var left = 20
        let burst = startsInAMinute { _, _ in
            left -= 1
            return left > 0 ? .after(.zero) : .done
        }
        #expect(burst.starts == 20 && burst.putOff == 0)
    }

    @Test(
        "a key that was slowed down runs at once when a person asks for it, and recovers when it rests")
    mutating func urgentIsNeverSlow() {
        var machine = started()
        var now = at(0)
        machine.add("a", at: now)
        for _ in 0..<100 {
            switch machine.nextAction(now: now) {
            case .start(let key): machine.workerEnded(key, .after(.zero), now: now, using: &random)
            case .wait(let next?) where machine.snapshot.putOff < 20: now = next
            default: break
            }
        }
        #expect(machine.snapshot.putOff == 20)
        machine.add("a", at: now, urgency: .urgent)
        #expect(machine.nextAction(now: now) == .start("a"))
        machine.workerEnded("a", .after(.seconds(10)), now: now, using: &random)
        for _ in 0..<40 {
            now = now.advanced(by: .seconds(10))
            #expect(machine.nextAction(now: now) == .start("a"))
            machine.workerEnded("a", .after(.seconds(10)), now: now, using: &random)
        }
        machine.add("a", at: now)
        #expect(machine.nextAction(now: now) == .start("a"))
    }
}
