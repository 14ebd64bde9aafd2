import Collections

/// When which key is due: one slot a key, the earliest wins.
///
/// A pure value: time is passed in, and whoever holds it decides what runs. Modelled on kube-rs' `scheduler.rs`.
///
/// # Guarantees
/// - A key has at most one slot. Adding a key that waits keeps the earlier of the two times.
/// - A key that `next(now:)` handed out is running and is not handed out again before `done(_:)`. If it is added while
///   it runs, it is due again afterwards: a change that came in the middle of a pass is never lost.
/// - Keys come in the order in which they are due; among equals, first come, first served.
///
/// Its size is bounded by the number of different keys: the heap holds at most `1 + staleEntriesPerSlot` entries for
/// each, or `smallestHeapToRebuild`.
public struct WorkQueue<Key: Hashable & Sendable, Instant: InstantProtocol>: Sendable {
    /// A slot that moved to an earlier time leaves a stale entry in the heap. Over this many for every live slot, the
    /// heap is rebuilt.
    static var staleEntriesPerSlot: Int { 1 }
    /// Below this size a rebuild is not worth its while.
    static var smallestHeapToRebuild: Int { 64 }

    private struct Slot: Sendable {
        var dueAt: Instant
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

    private var slots: [Key: Slot] = [:]
    private var heap = Heap<Entry>()
    private var running: Set<Key> = []
    private var lastTicket: UInt64 = 0

    public init() {}

    /// Keys that wait, those that are to run again after their present run among them.
    public var pendingCount: Int { slots.count }
    public var runningCount: Int { running.count }

    /// When `key` is due; nil where it does not wait.
    public func dueAt(_ key: Key) -> Instant? { slots[key]?.dueAt }

    /// When the next key is due that is not running; nil where there is none.
    public var earliest: Instant? { heap.min?.dueAt }

    public mutating func add(_ key: Key, at dueAt: Instant) {
        if let slot = slots[key], slot.dueAt <= dueAt { return }
        if running.contains(key) {
            slots[key] = Slot(dueAt: dueAt, ticket: nil)
        } else {
            enter(key, at: dueAt)
        }
    }

    /// The key that has been due longest, which is running from now on; nil where none is due.
    public mutating func next(now: Instant) -> Key? {
        guard let entry = heap.min, entry.dueAt <= now else { return nil }
        heap.removeMin()
        slots[entry.key] = nil
        running.insert(entry.key)
        dropStaleEntries()
        return entry.key
    }

    /// The run of `key` is over. Without effect where it was not running.
    public mutating func done(_ key: Key) {
        guard running.remove(key) != nil, let slot = slots[key] else { return }
        enter(key, at: slot.dueAt)
    }

    private mutating func enter(_ key: Key, at dueAt: Instant) {
        lastTicket += 1
        slots[key] = Slot(dueAt: dueAt, ticket: lastTicket)
        heap.insert(Entry(dueAt: dueAt, ticket: lastTicket, key: key))
        dropStaleEntries()
    }

    /// Keeps the heap's first entry live, so that `earliest` tells the truth, and the heap's size within its bound.
    private mutating func dropStaleEntries() {
        while let first = heap.min, slots[first.key]?.ticket != first.ticket { heap.removeMin() }
        let bound = Swift.max(Self.smallestHeapToRebuild, slots.count * (1 + Self.staleEntriesPerSlot))
        guard heap.count > bound else { return }
        heap = Heap(heap.unordered.filter { slots[$0.key]?.ticket == $0.ticket })
    }

    /// Entries in the heap, stale ones included.
    var heapCount: Int { heap.count }
}
