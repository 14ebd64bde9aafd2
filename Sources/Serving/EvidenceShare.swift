import ModelManifests

/// Which users' first requests one of several proxies counts.
///
/// With sticky routing the user is what was randomised, and his first request is evidence. Two proxies would both see a
/// first one, and the same user would count twice: so each user counts at one proxy alone, wherever else he goes. Who that
/// is, each proxy works out by itself (rendezvous hashing: Thaler, Ravishankar, "Using name-based mappings to increase hit
/// rates", 1998), so that few users change over when a proxy comes or goes.
public struct EvidenceShare: Hashable, Codable, Sendable {
    /// This proxy's name.
    public var own: String
    /// The names of those that answer.
    public var all: [String]

    public init(own: String, all: [String]) {
        self.own = own
        self.all = all
    }
}

/// An `EvidenceShare` as each request needs it.
public struct EvidenceOwner: Hashable, Sendable {
    private let own: UInt64?
    private let others: [UInt64]

    public init(_ share: EvidenceShare) {
        let hash = SipHash(keyLow: 0x6576_6964_656e_6365, keyHigh: 0x6f77_6e65_7273)
        own = share.all.contains(share.own) ? hash.hash(share.own) : nil
        others = Set(share.all).subtracting([share.own]).map { hash.hash($0) }.sorted()
    }

    /// - Parameter user: the hash of his key.
    @inline(__always)
    public func counts(_ user: UInt64) -> Bool {
        guard let own else { return false }
        let score = SplitMix64.mixed(user ^ own)
        for other in others where SplitMix64.mixed(user ^ other) > score { return false }
        return true
    }
}
