import Collections

/// When each key is due: one slot for each key; the earliest time wins.
///
/// A pure value: time is passed in, and the owner decides what runs. Modelled on kube-rs' `scheduler.rs`.
///
/// # Guarantees
/// - A key has at most one slot. Adding a key that already waits keeps the earlier of the two times and the more urgent
///   of the two classes.
/// - A key that `next(now:)` returned is running. It is not returned again before `done(_:)`. If it is added while it
///   runs, it is due again afterwards, so a change in the middle of a pass is never lost.
/// - Of the keys that are due, the most urgent class comes first. Within a class, keys come in the order of their due
///   times; for equal times, in the order in which they were added.
/// - No class starves: a class that was passed over `passOverLimit` times while it had a due key comes next.
///
/// The size is bounded by the number of different keys: each heap holds at most `1 + staleEntriesPerSlot` entries for
/// each key, or `smallestHeapToRebuild`.
package struct WorkQueue<Key: Hashable & Sendable, Instant: InstantProtocol>: Sendable {
    /// A slot that moves leaves a stale entry in its heap. With more stale entries than this per live slot, the heap is
    /// rebuilt.
    static var staleEntriesPerSlot: Int { 1 }
    /// Smaller heaps are not rebuilt.
    static var smallestHeapToRebuild: Int { 64 }
    /// How many keys of more urgent classes may run before a due key of a less urgent class.
    package static var passOverLimit: Int { 8 }

    /// A key that was returned to run.
    package struct Turn: Hashable, Sendable {
        package var key: Key
        package var urgency: Urgency
        /// When the key was due.
        package var dueAt: Instant
    }

    private struct Slot: Sendable {
        var dueAt: Instant
        var urgency: Urgency
        /// The number of the heap entry for this slot. Nil while the key is running, because it then has no entry.
        var ticket: UInt64?
    }

    private struct Entry: Comparable, Sendable {
        var dueAt: Instant
        var ticket: UInt64
        var key: Key

        static func < (left: Entry, right: Entry) -> Bool {
            left.dueAt == right.dueAt ? left.ticket < right.ticket : left.dueAt < right.dueAt
        }

        static func == (left: Entry, right: Entry) -> Bool { left.ticket == right.ticket }
    }

    private struct Line: Sendable {
        var heap = Heap<Entry>()
        /// How many keys of more urgent classes went first, since this class last had its turn, while it had a due key.
        var passedOver = 0
    }

    private var slots: [Key: Slot] = [:]
    /// One for each class, the most urgent first.
    private var lines = Urgency.allCases.map { _ in Line() }
    private var running: Set<Key> = []
    private var lastTicket: UInt64 = 0

    package init() {}

    /// Keys that wait, including running keys that are to run again.
    package var pendingCount: Int { slots.count }
    package var runningCount: Int { running.count }

    /// When `key` is due. Nil if it does not wait.
    package func dueAt(_ key: Key) -> Instant? { slots[key]?.dueAt }

    /// When the next key that is not running is due. Nil if there is none.
    package var earliest: Instant? { earliest(notLessUrgentThan: .routine) }

    package func earliest(notLessUrgentThan last: Urgency) -> Instant? {
        lines[...last.rawValue].compactMap { $0.heap.min?.dueAt }.min()
    }

    package mutating func add(_ key: Key, at dueAt: Instant, urgency: Urgency = .routine) {
        var (dueAt, urgency) = (dueAt, urgency)
        if let slot = slots[key] {
            if slot.dueAt <= dueAt, slot.urgency <= urgency { return }
            (dueAt, urgency) = (Swift.min(dueAt, slot.dueAt), Swift.min(urgency, slot.urgency))
        }
        if running.contains(key) {
            slots[key] = Slot(dueAt: dueAt, urgency: urgency, ticket: nil)
        } else {
            enter(key, at: dueAt, urgency)
        }
    }

    /// Returns the key whose turn it is and marks it as running. Nil if no key is due.
    package mutating func next(now: Instant, notLessUrgentThan last: Urgency = .routine) -> Turn? {
        let due = lines[...last.rawValue].indices.filter { line in
            lines[line].heap.min.map { $0.dueAt <= now } ?? false
        }
        guard
            let chosen = due.last(where: { lines[$0].passedOver >= Self.passOverLimit }) ?? due.first,
            let entry = lines[chosen].heap.popMin()
        else { return nil }
        lines[chosen].passedOver = 0
        for line in due where line > chosen { lines[line].passedOver += 1 }
        let urgency = slots[entry.key]?.urgency ?? .routine
        slots[entry.key] = nil
        running.insert(entry.key)
        dropStaleEntries(in: chosen)
        return Turn(key: entry.key, urgency: urgency, dueAt: entry.dueAt)
    }

    /// Marks the run of `key` as finished. No effect if it was not running.
    package mutating func done(_ key: Key) {
        guard running.remove(key) != nil, let slot = slots[key] else { return }
        enter(key, at: slot.dueAt, slot.urgency)
    }

    private mutating func enter(_ key: Key, at dueAt: Instant, _ urgency: Urgency) {
        lastTicket += 1
        let before = slots.updateValue(Slot(dueAt: dueAt, urgency: urgency, ticket: lastTicket), forKey: key)
        lines[urgency.rawValue].heap.insert(Entry(dueAt: dueAt, ticket: lastTicket, key: key))
        dropStaleEntries(in: urgency.rawValue)
        if let before, before.urgency != urgency { dropStaleEntries(in: before.urgency.rawValue) }
    }

    /// Keeps the heap's first entry live, so that `earliest` is correct, and keeps the heap's size within its bound.
    private mutating func dropStaleEntries(in line: Int) {
        while let first = lines[line].heap.min, slots[first.key]?.ticket != first.ticket {
            lines[line].heap.removeMin()
        }
        let bound = Swift.max(Self.smallestHeapToRebuild, slots.count * (1 + Self.staleEntriesPerSlot))
        guard lines[line].heap.count > bound else { return }
        lines[line].heap = Heap(lines[line].heap.unordered.filter { slots[$0.key]?.ticket == $0.ticket })
    }

    /// The number of entries in the heaps, including stale ones.
    var heapCount: Int { lines.map(\.heap.count).reduce(0, +) }
}
