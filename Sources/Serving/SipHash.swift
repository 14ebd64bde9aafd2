/// SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash that cannot be predicted without the key, and is fast on short
/// input.
package struct SipHash: Hashable, Sendable {
    private let keyLow: UInt64
    private let keyHigh: UInt64

    package init(keyLow: UInt64, keyHigh: UInt64) {
        self.keyLow = keyLow
        self.keyHigh = keyHigh
    }

    @inlinable
    package func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    package func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
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
