/// Chooses the revision of the next request: exact shares, in random order.
///
/// Each block of 1,000 requests contains each revision exactly `weight` × 10 times, in an order that is shuffled for each block.
/// So the shares are exact, and nobody can predict which request goes where.
struct WeightedBlock: Sendable {
    static let size = 1000

    let weights: [Int]
    private var slots: [UInt8] = []
    private var position = 0

    /// - Parameter weights: percent per revision, in order. They sum to 100, and there are at most 256.
    init(weights: [Int]) {
        precondition(weights.reduce(0, +) == 100 && weights.count <= 256, "weights are validated before")
        self.weights = weights
    }

    /// The index of the revision for the next request.
    @inline(__always)
    mutating func next(using random: inout some RandomNumberGenerator) -> Int {
        if position == slots.count { refill(using: &random) }
        defer { position += 1 }
        return Int(slots[position])
    }

    private mutating func refill(using random: inout some RandomNumberGenerator) {
        if slots.isEmpty {
            slots.reserveCapacity(Self.size)
            for (index, weight) in weights.enumerated() {
                slots.append(contentsOf: repeatElement(UInt8(index), count: weight * (Self.size / 100)))
            }
        }
        slots.shuffle(using: &random)
        position = 0
    }
}
