import TestSupport
import Testing

@testable import ControllerRuntime

private typealias Queue = WorkQueue<String, ManualClock.Instant>

private func at(_ seconds: Int) -> ManualClock.Instant { ManualClock.Instant(.seconds(seconds)) }

@Suite("A work queue")
struct WorkQueueTests {
    @Test("returns a key when it is due, not before")
    func due() {
        var queue = Queue()
        queue.add("a", at: at(5))
        #expect(queue.next(now: at(4))?.key == nil)
        #expect(queue.next(now: at(5))?.key == "a")
        #expect(queue.next(now: at(6))?.key == nil)
    }

    @Test("returns keys in the order of their due times; equal ones in the order in which they were added")
    func order() {
        var queue = Queue()
        queue.add("late", at: at(3))
        queue.add("first", at: at(2))
        queue.add("second", at: at(2))
        queue.add("early", at: at(1))
        #expect((0..<4).map { _ in queue.next(now: at(9))?.key } == ["early", "first", "second", "late"])
    }

    @Test("has one slot for each key, in which the earliest time wins", arguments: [[9, 2], [2, 9]])
    func earliestWins(times: [Int]) {
        var queue = Queue()
        for time in times { queue.add("a", at: at(time)) }
        #expect(queue.pendingCount == 1)
        #expect(queue.earliest == at(2))
        #expect(queue.next(now: at(2))?.key == "a")
        queue.done("a")
        #expect(queue.next(now: at(99))?.key == nil)
    }

    @Test("a key that is added again for the same time keeps its place")
    func keepsPlace() {
        var queue = Queue()
        queue.add("a", at: at(1))
        queue.add("b", at: at(1))
        queue.add("a", at: at(1))
        #expect(queue.next(now: at(1))?.key == "a")
    }

    @Test("does not return a running key again, and returns it afterwards if it was added in the meantime")
    func exclusive() {
        var queue = Queue()
        queue.add("a", at: at(0))
        #expect(queue.next(now: at(0))?.key == "a")
        queue.add("a", at: at(0))
        #expect(queue.next(now: at(1))?.key == nil)
        #expect(queue.earliest == nil)
        #expect(queue.pendingCount == 1)
        queue.done("a")
        #expect(queue.next(now: at(1))?.key == "a")
    }

    @Test("remembers the earliest of all times at which a running key was added")
    func earliestWhileRunning() {
        var queue = Queue()
        queue.add("a", at: at(0))
        _ = queue.next(now: at(0))
        for time in [8, 4, 6] { queue.add("a", at: at(time)) }
        queue.done("a")
        #expect(queue.earliest == at(4))
        #expect(queue.dueAt("a") == at(4))
    }

    @Test("lets other keys pass a running one")
    func othersPass() {
        var queue = Queue()
        queue.add("a", at: at(0))
        _ = queue.next(now: at(0))
        queue.add("a", at: at(0))
        queue.add("b", at: at(7))
        #expect(queue.earliest == at(7))
        #expect(queue.next(now: at(7))?.key == "b")
        #expect(queue.runningCount == 2)
    }

    @Test("ignores the end of a key that is not running")
    func strayDone() {
        var queue = Queue()
        queue.add("a", at: at(3))
        queue.done("a")
        queue.done("b")
        #expect(queue.dueAt("a") == at(3))
        #expect(queue.runningCount == 0)
        #expect(queue.next(now: at(3))?.key == "a")
    }

    @Test("stays small when keys are moved to an earlier time repeatedly")
    func bounded() {
        var queue = Queue()
        for round in 0..<1_000 {
            for key in 0..<100 { queue.add("\(key)", at: at(100_000 - round)) }
            #expect(queue.heapCount <= 2 * 100)
        }
        #expect(queue.pendingCount == 100)
        #expect(queue.earliest == at(99_001))
    }

    @Test("returns the most urgent class first, and within a class the key that has been due longest")
    func classes() {
        var queue = Queue()
        queue.add("routine", at: at(0))
        queue.add("changing", at: at(1), urgency: .changing)
        queue.add("judged", at: at(3), urgency: .judging)
        queue.add("asked", at: at(4), urgency: .urgent)
        queue.add("asked first", at: at(2), urgency: .urgent)
        queue.add("not due", at: at(99), urgency: .urgent)
        #expect(
            (0..<5).map { _ in queue.next(now: at(5))?.key }
                == ["asked first", "asked", "judged", "changing", "routine"])
        #expect(queue.next(now: at(5)) == nil)
    }

    @Test("makes a waiting key more urgent, never less, and keeps its time")
    func upgrade() {
        var queue = Queue()
        queue.add("first", at: at(0))
        queue.add("a", at: at(1))
        queue.add("a", at: at(9), urgency: .urgent)
        queue.add("a", at: at(9))
        #expect(queue.pendingCount == 2 && queue.earliest == at(0))
        #expect(queue.next(now: at(1)) == Queue.Turn(key: "a", urgency: .urgent, dueAt: at(1)))
        queue.add("a", at: at(2), urgency: .judging)
        queue.done("a")
        #expect(queue.next(now: at(2)) == Queue.Turn(key: "a", urgency: .judging, dueAt: at(2)))
        #expect(queue.next(now: at(2))?.key == "first")
    }

    @Test(
        "lets no class starve: a class that was passed over too often comes next",
        arguments: [Urgency.judging, .changing, .routine])
    func starvation(urgency: Urgency) {
        var queue = Queue()
        queue.add("patient", at: at(0), urgency: urgency)
        var before = 0
        for round in 0..<100 {
            queue.add("busy", at: at(round), urgency: .urgent)
            guard let turn = queue.next(now: at(round)), turn.key != "patient" else { break }
            queue.done("busy")
            before += 1
        }
        #expect(before == Queue.passOverLimit)
    }

    @Test("skips a class that may have no worker now, and says when the others are due")
    func limitedToClasses() {
        var queue = Queue()
        queue.add("routine", at: at(0))
        queue.add("judged", at: at(7), urgency: .judging)
        #expect(queue.next(now: at(1), notLessUrgentThan: .judging) == nil)
        #expect(queue.earliest(notLessUrgentThan: .judging) == at(7))
        #expect(queue.earliest == at(0))
        #expect(queue.next(now: at(7), notLessUrgentThan: .judging)?.key == "judged")
    }

    @Test("stays small when keys change their class repeatedly")
    func boundedOverClasses() {
        var queue = Queue()
        for _ in 0..<1_000 {
            for key in 0..<50 {
                queue.add("\(key)", at: at(9))
                queue.add("\(key)", at: at(9), urgency: .urgent)
            }
            for _ in 0..<50 { queue.next(now: at(9)).map { queue.done($0.key) } }
            #expect(queue.heapCount <= 3 * Queue.smallestHeapToRebuild)
        }
    }

    @Test("agrees with a plain list, over random histories", arguments: [1, 2, 3, 4] as [UInt64])
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var (queue, model) = (Queue(), ListQueue())
        var now = 0
        for _ in 0..<20_000 {
            let key = "\(Int.random(in: 0..<12, using: &random))"
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let time = now + Int.random(in: -3..<20, using: &random)
                let urgency = Urgency.allCases.randomElement(using: &random) ?? .routine
                queue.add(key, at: at(time), urgency: urgency)
                model.add(key, at: time, urgency)
            case 2:
                queue.done(key)
                model.done(key)
            default:
                now += Int.random(in: 0..<4, using: &random)
                let (handedOut, expected) = (queue.next(now: at(now))?.key, model.next(now: now))
                try #require(handedOut == expected)
            }
            try #require(queue.earliest == model.earliest.map(at))
            try #require(queue.pendingCount == model.waiting.count)
            try #require(queue.runningCount == model.running.count)
        }
    }
}

/// The same guarantees in the simplest correct way: it looks at every key each time.
private struct ListQueue {
    struct Waiting { var key: String, at: Int, urgency: Urgency, place: Int }

    var waiting: [Waiting] = []
    var running: Set<String> = []
    private var places = 0
    private var passedOver: [Urgency: Int] = [:]

    private var ready: [Waiting] {
        waiting.filter { !running.contains($0.key) }.sorted { ($0.at, $0.place) < ($1.at, $1.place) }
    }
    var earliest: Int? { ready.first?.at }

    mutating func add(_ key: String, at time: Int, _ urgency: Urgency) {
        var (time, urgency) = (time, urgency)
        if let known = waiting.first(where: { $0.key == key }) {
            if known.at <= time, known.urgency <= urgency { return }
            (time, urgency) = (min(time, known.at), min(urgency, known.urgency))
        }
        waiting.removeAll { $0.key == key }
        places += 1
        waiting.append(Waiting(key: key, at: time, urgency: urgency, place: places))
    }

    mutating func next(now: Int) -> String? {
        let due = ready.filter { $0.at <= now }
        let classes = Set(due.map(\.urgency)).sorted()
        let starved = classes.last { passedOver[$0, default: 0] >= 8 }
        guard let chosen = starved ?? classes.first, let first = due.first(where: { $0.urgency == chosen }) else {
            return nil
        }
        passedOver[chosen] = 0
        for other in classes where other > chosen { passedOver[other, default: 0] += 1 }
        waiting.removeAll { $0.key == first.key }
        running.insert(first.key)
        return first.key
    }

    mutating func done(_ key: String) {
        guard running.remove(key) != nil, let index = waiting.firstIndex(where: { $0.key == key }) else { return }
        places += 1
        waiting[index].place = places
    }
}
