import Collections

/// When which key is due: one slot a key, the earliest wins.
///
/// A pure value: time is passed in, and whoever holds it decides what runs. Modelled on kube-rs' `scheduler.rs`.
///
/// # Guarantees
/// - A key has at most one slot. Adding a key that waits keeps the earlier of the two times, and the more urgent of the
///   two classes.
/// - A key that `next(now:)` handed out is running and is not handed out again before `done(_:)`. If it is added while
///   it runs, it is due again afterwards: a change that came in the middle of a pass is never lost.
/// - Of the keys that are due, the most urgent class comes first; within a class, keys come in the order in which they are
///   due; among equals, first come, first served.
/// - No class starves: one that has been passed over `passOverLimit` times while it had a key due comes next.
///
/// Its size is bounded by the number of different keys: the heaps hold at most `1 + staleEntriesPerSlot` entries for
/// each, or `smallestHeapToRebuild`.
public struct WorkQueue<Key: Hashable & Sendable, Instant: InstantProtocol>: Sendable {
    /// A slot that moved leaves a stale entry in its heap. Over this many for every live slot, the heap is rebuilt.
    static var staleEntriesPerSlot: Int { 1 }
    /// Below this size a rebuild is not worth its while.
    static var smallestHeapToRebuild: Int { 64 }
    /// So many keys of more urgent classes go before one that is due in a less urgent class.
    public static var passOverLimit: Int { 8 }

    /// A key that was handed out.
    public struct Turn: Hashable, Sendable {
        public var key: Key
        public var urgency: Urgency
        /// When it was to be.
        public var dueAt: Instant
    }

    private struct Slot: Sendable {
        var dueAt: Instant
        var urgency: Urgency
        /// Of the heap entry that stands for this slot; nil while the key is running, when it has none.
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
        /// Keys of more urgent classes that went first since it last had its turn, while it had a key due.
        var passedOver = 0
    }

    private var slots: [Key: Slot] = [:]
    /// One a class, the most urgent first.
    private var lines = Urgency.allCases.map { _ in Line() }
    private var running: Set<Key> = []
    private var lastTicket: UInt64 = 0

    public init() {}

    /// Keys that wait, those that are to run again after their present run among them.
    public var pendingCount: Int { slots.count }
    public var runningCount: Int { running.count }

    /// When `key` is due; nil where it does not wait.
    public func dueAt(_ key: Key) -> Instant? { slots[key]?.dueAt }

    /// When the next key is due that is not running; nil where there is none.
    public var earliest: Instant? { earliest(notLessUrgentThan: .routine) }

    public func earliest(notLessUrgentThan last: Urgency) -> Instant? {
        lines[...last.rawValue].compactMap { $0.heap.min?.dueAt }.min()
    }

    public mutating func add(_ key: Key, at dueAt: Instant, urgency: Urgency = .routine) {
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

    /// The key whose turn it is, which is running from now on; nil where none is due.
    public mutating func next(now: Instant, notLessUrgentThan last: Urgency = .routine) -> Turn? {
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

    /// The run of `key` is over. Without effect where it was not running.
    public mutating func done(_ key: Key) {
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

    /// Keeps the heap's first entry live, so that `earliest` tells the truth, and the heap's size within its bound.
    private mutating func dropStaleEntries(in line: Int) {
        while let first = lines[line].heap.min, slots[first.key]?.ticket != first.ticket {
            lines[line].heap.removeMin()
        }
        let bound = Swift.max(Self.smallestHeapToRebuild, slots.count * (1 + Self.staleEntriesPerSlot))
        guard lines[line].heap.count > bound else { return }
        lines[line].heap = Heap(lines[line].heap.unordered.filter { slots[$0.key]?.ticket == $0.ticket })
    }

    /// Entries in the heaps, stale ones included.
    var heapCount: Int { lines.map(\.heap.count).reduce(0, +) }
}
