import ModelManifests
import Serving

/// Proves the request ids of one deployment's revision, as `RequestIdentity` does, without an allocation.
struct RequestMint: Sendable {
    /// The revision's name in answers that no revision gave. No deployment is without a name, so that ids of this one
    /// are nobody's.
    static let nobody = "none"

    /// `NAMESPACE/NAME LF REVISION-`: what is hashed before the digits.
    private let hashed: [UInt8]
    private let sipHash: SipHash

    init(deployment: DeploymentKey, revision: Revision, key: RequestIdentityKey) {
        self.init(hashed: "\(deployment)\n\(revision.rawValue)-", key)
    }

    /// For answers that no revision gave.
    init(key: RequestIdentityKey) { self.init(hashed: "\n\(Self.nobody)-", key) }

    private init(hashed: String, _ key: RequestIdentityKey) {
        self.hashed = Array(hashed.utf8)
        sipHash = key.sipHash
    }

    /// - Parameter word: seconds since 1970 above 32 random bits.
    @inline(__always)
    func proof(of word: UInt64) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: hashed.count + 16, alignment: 8) { scratch in
            guard let start = scratch.baseAddress else { return 0 }
            var out = ByteCursor(start)
            out.append(hashed)
            out.append(hex: word)
            return sipHash.hash(UnsafeRawBufferPointer(scratch))
        }
    }
}

/// The middle of request ids: the second, and 32 bits that no other request of the next four billion has.
struct RequestWords: Sendable {
    /// Looked up now and then, not for every request.
    var atSeconds: UInt32
    /// From a random start in steps of an odd number, that is through all 32-bit numbers (Weyl): two random ones would
    /// meet within a second of many requests.
    private var random: UInt32

    init(atSeconds: UInt32, start: UInt32) {
        self.atSeconds = atSeconds
        random = start
    }

    @inline(__always)
    mutating func next() -> UInt64 {
        random &+= 0x9e37_79b9
        return UInt64(atSeconds) << 32 | UInt64(random)
    }
}
