/// A set of hashes without false negatives. When full, it has 0.8 % false positives: ten bits per member, of which seven are set
/// (Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970). The seven positions come from two halves of one
/// hash (Kirsch, Mitzenmacher, "Less hashing, same performance", 2006).
struct BloomFilter: Hashable, Sendable {
    private static let bitsPerMember = 10
    private static let probes = 7

    /// No members beyond this number are accepted, because the share of false positives would grow.
    let capacity: Int
    /// The number of inserted members that were new.
    private(set) var count = 0
    private(set) var words: [UInt64]

    init(capacity: Int) {
        self.capacity = capacity
        words = [UInt64](repeating: 0, count: Self.wordCount(capacity: capacity))
    }

    /// Restores a stored filter.
    /// - Returns: nil if the parts are inconsistent.
    init?(capacity: Int, count: Int, words: [UInt64]) {
        guard (1...(1 << 32)).contains(capacity), (0...capacity).contains(count),
            words.count == Self.wordCount(capacity: capacity)
        else { return nil }
        self.capacity = capacity
        self.count = count
        self.words = words
    }

    static func wordCount(capacity: Int) -> Int { max(1, (capacity * bitsPerMember + 63) / 64) }

    var isEmpty: Bool { count == 0 }

    func contains(_ hash: UInt64) -> Bool {
        for probe in 0..<Self.probes {
            let bit = bit(probe, hash)
            if words[bit >> 6] & (1 << UInt64(bit & 63)) == 0 { return false }
        }
        return true
    }

    enum Insertion: Hashable, Sendable { case isNew, wasThere, isFull }

    mutating func insert(_ hash: UInt64) -> Insertion {
        if contains(hash) { return .wasThere }
        guard count < capacity else { return .isFull }
        for probe in 0..<Self.probes {
            let bit = bit(probe, hash)
            words[bit >> 6] |= 1 << UInt64(bit & 63)
        }
        count += 1
        return .isNew
    }

    @inline(__always)
    private func bit(_ probe: Int, _ hash: UInt64) -> Int {
        // Odd, so that the steps reach every position before they repeat.
        let step = (hash &* 0x9e37_79b9_7f4a_7c15) | 1
        let place = hash &+ UInt64(probe) &* step
        return Int(place.multipliedFullWidth(by: UInt64(words.count * 64)).high)
    }
}
