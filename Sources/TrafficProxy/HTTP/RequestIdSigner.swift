import ModelManifests
import Serving

/// Signs the request IDs of one deployment's revision in the same way as `RequestIdentity`, without an allocation.
struct RequestIdSigner: Sendable {
    /// The revision name in answers that no revision gave. Such IDs belong to no deployment, because a deployment always has a
    /// name.
    static let nobody = "none"

    /// `NAMESPACE/NAME LF REVISION-`: the part of the hashed text before the digits.
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

    /// - Parameter word: seconds since 1970 in the upper 32 bits, random bits in the lower 32.
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

/// The middle part of request IDs: the time in seconds, and 32 bits that differ from the next four billion requests.
struct RequestIdWords: Sendable {
    /// Updated periodically, not for each request.
    var atSeconds: UInt32
    /// A Weyl sequence: it starts at a random number and goes through all 32-bit numbers in steps of an odd number. Independent
    /// random numbers would collide within one second of many requests.
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
