import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct BloomFilterTests {
    @Test("there are no false negatives, and under 1 % false positives when it is full")
    func full() {
        var random = SeededRandom(seed: 5)
        var filter = BloomFilter(capacity: 20_000)
        var members: [UInt64] = []
        while filter.count < filter.capacity {
            let hash = random.next()
            if filter.insert(hash) == .isNew { members.append(hash) }
        }
        let denied = members.filter { !filter.contains($0) }
        #expect(denied.isEmpty)
        let strangers = (0..<50_000).count { _ in filter.contains(random.next()) }
        // 0.82 % in theory: (1 - e^(-7/10))^7.
        #expect(strangers < 500)
        #expect(strangers > 250)
    }

    @Test("a full filter accepts no members, and says so")
    func refuses() {
        var filter = BloomFilter(capacity: 2)
        #expect(filter.isEmpty && !filter.contains(1))
        #expect(filter.insert(0x1111_2222_3333_4444) == .isNew)
        #expect(filter.insert(0x1111_2222_3333_4444) == .wasThere)
        #expect(filter.insert(0xdddd_cccc_bbbb_aaaa) == .isNew)
        let before = filter
        #expect(filter.insert(0x0123_4567_89ab_cdef) == .isFull)
        #expect(filter == before && filter.count == 2)
    }

    @Test("inconsistent parts make no filter")
    func restored() {
        var filter = BloomFilter(capacity: 100)
        _ = filter.insert(7)
        #expect(BloomFilter(capacity: 100, count: 1, words: filter.words) == filter)
        #expect(BloomFilter(capacity: 1000, count: 1, words: filter.words) == nil)
        #expect(BloomFilter(capacity: 100, count: 101, words: filter.words) == nil)
        #expect(BloomFilter(capacity: 0, count: 0, words: [0]) == nil)
        #expect(BloomFilter(capacity: .max, count: 0, words: []) == nil)
    }
}
