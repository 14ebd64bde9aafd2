import Testing

@testable import TrafficProxy

@Suite struct RecentKeysTests {
    @Test("a key counts once")
    func once() {
        var keys = RecentKeys(capacity: 100)
        let inserted = [1, 1, 2, 1, 2].map { keys.insert($0) }
        #expect(inserted == [true, false, true, false, false])
    }

    @Test("it holds no more than its capacity, and knows at least the younger half")
    func bounded() {
        var keys = RecentKeys(capacity: 100)
        var most = 0
        for key in UInt64(0)..<10_000 {
            _ = keys.insert(key)
            most = max(most, keys.count)
        }
        #expect(most <= 100)
        let again = (UInt64(9_951)..<10_000).map { keys.insert($0) }
        #expect(!again.contains(true))
    }
}
