import TestSupport
import Testing

@testable import ControllerRuntime

private typealias Queue = WorkQueue<String, ManualClock.Instant>

private func at(_ seconds: Int) -> ManualClock.Instant { ManualClock.Instant(.seconds(seconds)) }

@Suite("A work queue")
struct WorkQueueTests {
    @Test("hands a key out when it is due, not before")
    func due() {
        var queue = Queue()
        queue.add("a", at: at(5))
        #expect(queue.next(now: at(4)) == nil)
        #expect(queue.next(now: at(5)) == "a")
        #expect(queue.next(now: at(6)) == nil)
    }

    @Test("hands keys out in the order in which they are due, equals first come, first served")
    func order() {
        var queue = Queue()
        queue.add("late", at: at(3))
        queue.add("first", at: at(2))
        queue.add("second", at: at(2))
        queue.add("early", at: at(1))
        #expect((0..<4).map { _ in queue.next(now: at(9)) } == ["early", "first", "second", "late"])
    }

    @Test("has one slot a key, in which the earliest wins", arguments: [[9, 2], [2, 9]])
    func earliestWins(times: [Int]) {
        var queue = Queue()
        for time in times { queue.add("a", at: at(time)) }
        #expect(queue.pendingCount == 1)
        #expect(queue.earliest == at(2))
        #expect(queue.next(now: at(2)) == "a")
        queue.done("a")
        #expect(queue.next(now: at(99)) == nil)
    }

    @Test("keeps the place in the line of a key that is added again for the same time")
    func keepsPlace() {
        var queue = Queue()
        queue.add("a", at: at(1))
        queue.add("b", at: at(1))
        queue.add("a", at: at(1))
        #expect(queue.next(now: at(1)) == "a")
    }

    @Test("does not hand out a running key again, and hands it out afterwards if it was added meanwhile")
    func exclusive() {
        var queue = Queue()
        queue.add("a", at: at(0))
        #expect(queue.next(now: at(0)) == "a")
        queue.add("a", at: at(0))
        #expect(queue.next(now: at(1)) == nil)
        #expect(queue.earliest == nil)
        #expect(queue.pendingCount == 1)
        queue.done("a")
        #expect(queue.next(now: at(1)) == "a")
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

    @Test("lets other keys pass one that is running")
    func othersPass() {
        var queue = Queue()
        queue.add("a", at: at(0))
        _ = queue.next(now: at(0))
        queue.add("a", at: at(0))
        queue.add("b", at: at(7))
        #expect(queue.earliest == at(7))
        #expect(queue.next(now: at(7)) == "b")
        #expect(queue.runningCount == 2)
    }

    @Test("takes no notice of the end of a key that is not running")
    func strayDone() {
        var queue = Queue()
        queue.add("a", at: at(3))
        queue.done("a")
        queue.done("b")
        #expect(queue.dueAt("a") == at(3))
        #expect(queue.runningCount == 0)
        #expect(queue.next(now: at(3)) == "a")
    }

    @Test("stays small when keys are moved to an earlier time again and again")
    func bounded() {
        var queue = Queue()
        for round in 0..<1_000 {
            for key in 0..<100 { queue.add("\(key)", at: at(100_000 - round)) }
            #expect(queue.heapCount <= 2 * 100)
        }
        #expect(queue.pendingCount == 100)
        #expect(queue.earliest == at(99_001))
    }

    @Test("agrees with a queue that is a plain list, over random histories", arguments: [1, 2, 3, 4] as [UInt64])
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var (queue, model) = (Queue(), ListQueue())
        var now = 0
        for _ in 0..<20_000 {
            let key = "\(Int.random(in: 0..<12, using: &random))"
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let time = now + Int.random(in: -3..<20, using: &random)
                queue.add(key, at: at(time))
                model.add(key, at: time)
            case 2:
                queue.done(key)
                model.done(key)
            default:
                now += Int.random(in: 0..<4, using: &random)
                let (handedOut, expected) = (queue.next(now: at(now)), model.next(now: now))
                try #require(handedOut == expected)
            }
            try #require(queue.earliest == model.earliest.map(at))
            try #require(queue.pendingCount == model.waiting.count)
            try #require(queue.runningCount == model.running.count)
        }
    }
}

/// The same promises in the simplest way that can be right: looks at everything each time.
private struct ListQueue {
    struct Waiting { var key: String, at: Int, place: Int }

    var waiting: [Waiting] = []
    var running: Set<String> = []
    private var places = 0

    private var ready: [Waiting] {
        waiting.filter { !running.contains($0.key) }.sorted { ($0.at, $0.place) < ($1.at, $1.place) }
    }
    var earliest: Int? { ready.first?.at }

    mutating func add(_ key: String, at time: Int) {
        if let known = waiting.first(where: { $0.key == key }), known.at <= time { return }
        waiting.removeAll { $0.key == key }
        places += 1
        waiting.append(Waiting(key: key, at: time, place: places))
    }

    mutating func next(now: Int) -> String? {
        guard let first = ready.first, first.at <= now else { return nil }
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
