import Serving

/// Maps users to points: the same key of the same deployment has the same point in every process.
///
/// SipHash-2-4 (Aumasson, Bernstein 2012) of the key, with the deployment's name as the salt. So in each deployment other users
/// are the first to get the new revision.
struct StickyHash: Hashable, Sendable {
    static let points = 10_000

    private let sipHash: SipHash

    init(salt: String) {
        var salt = salt
        let (keyLow, keyHigh) = salt.withUTF8 { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            return (
                SipHash(keyLow: 0x6d6c_6374_6c2e_6465, keyHigh: 0x762f_7374_6963_6b79).hash(raw),
                SipHash(keyLow: 0x762f_7374_6963_6b79, keyHigh: 0x6d6c_6374_6c2e_6465).hash(raw)
            )
        }
        sipHash = SipHash(keyLow: keyLow, keyHigh: keyHigh)
    }

    func hash(_ key: UnsafeRawBufferPointer) -> UInt64 { sipHash.hash(key) }

    func hash(_ key: String) -> UInt64 {
        var key = key
        return key.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    /// A point in `0..<10_000`.
    static func point(of hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: UInt64(points)).high) }

    /// The revision whose interval contains the point. The last revision, the candidate, has the upper end: while its weight
    /// grows, its interval only grows, and no user goes back.
    static func revision(at point: Int, weights: [Int]) -> Int {
        var end = points
        for index in weights.indices.reversed() {
            end -= weights[index] * (points / 100)
            if point >= end && weights[index] > 0 { return index }
        }
        return 0
    }
}
