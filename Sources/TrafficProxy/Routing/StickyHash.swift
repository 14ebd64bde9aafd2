/// Where a user stands: the same key of the same deployment is always at the same point, in every process.
///
/// SipHash-2-4 (Aumasson, Bernstein 2012) of the key, with the deployment's name as the salt, so that it is not the
/// same users who meet the new revision first in every deployment.
struct StickyHash: Hashable, Sendable {
    static let points = 10_000

    private let keyLow: UInt64
    private let keyHigh: UInt64

    init(salt: String) {
        var salt = salt
        (keyLow, keyHigh) = salt.withUTF8 { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            return (
                Self.sipHash(raw, keyLow: 0x6d6c_6374_6c2e_6465, keyHigh: 0x762f_7374_6963_6b79),
                Self.sipHash(raw, keyLow: 0x762f_7374_6963_6b79, keyHigh: 0x6d6c_6374_6c2e_6465)
            )
        }
    }

    func hash(_ key: UnsafeRawBufferPointer) -> UInt64 { Self.sipHash(key, keyLow: keyLow, keyHigh: keyHigh) }

    func hash(_ key: String) -> UInt64 {
        var key = key
        return key.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    /// A point in `0..<10_000`.
    static func point(of hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: UInt64(points)).high) }

    /// The revision whose interval holds the point. The last revision, the candidate, has the top end: while its
    /// weight grows its interval only grows, and no user goes back.
    static func revision(at point: Int, weights: [Int]) -> Int {
        var end = points
        for index in weights.indices.reversed() {
            end -= weights[index] * (points / 100)
            if point >= end && weights[index] > 0 { return index }
        }
        return 0
    }

    static func sipHash(_ bytes: UnsafeRawBufferPointer, keyLow: UInt64, keyHigh: UInt64) -> UInt64 {
        var state = SipState(keyLow: keyLow, keyHigh: keyHigh)
        var offset = 0
        while offset + 8 <= bytes.count {
            state.absorb(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        for index in offset..<bytes.count { last |= UInt64(bytes[index]) << UInt64((index - offset) * 8) }
        state.absorb(last)
        return state.finish()
    }
}

private struct SipState {
    private var v0, v1, v2, v3: UInt64

    init(keyLow: UInt64, keyHigh: UInt64) {
        v0 = 0x736f_6d65_7073_6575 ^ keyLow
        v1 = 0x646f_7261_6e64_6f6d ^ keyHigh
        v2 = 0x6c79_6765_6e65_7261 ^ keyLow
        v3 = 0x7465_6462_7974_6573 ^ keyHigh
    }

    mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    mutating func finish() -> UInt64 {
        v2 ^= 0xff
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    private mutating func round() {
        func rotated(_ word: UInt64, _ by: UInt64) -> UInt64 { (word << by) | (word >> (64 - by)) }
        v0 = v0 &+ v1
        v1 = rotated(v1, 13) ^ v0
        v0 = rotated(v0, 32)
        v2 = v2 &+ v3
        v3 = rotated(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = rotated(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = rotated(v1, 17) ^ v2
        v2 = rotated(v2, 32)
    }
}
