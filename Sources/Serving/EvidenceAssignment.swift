import ModelManifests

/// Decides which of several proxies counts a user's first request.
///
/// With sticky routing the user is the randomised unit, and their first request is evidence. Two proxies would each see
/// a first request, and the same user would count twice. So each user counts at one proxy only, whichever proxies they
/// use. Each proxy computes by itself which users it counts (rendezvous hashing: Thaler, Ravishankar, "Using name-based
/// mappings to increase hit rates", 1998), so few users move when a proxy comes or goes.
package struct EvidenceAssignment: Hashable, Codable, Sendable {
    /// This proxy's name.
    package var own: String
    /// The names of all proxies that answer.
    package var all: [String]

    package init(own: String, all: [String]) {
        self.own = own
        self.all = all
    }
}

/// An `EvidenceAssignment` prepared for a quick check of each request.
package struct EvidenceOwner: Hashable, Sendable {
    private let own: UInt64?
    private let others: [UInt64]

    package init(_ share: EvidenceAssignment) {
        let hash = SipHash(keyLow: 0x6576_6964_656e_6365, keyHigh: 0x6f77_6e65_7273)
        own = share.all.contains(share.own) ? hash.hash(share.own) : nil
        others = Set(share.all).subtracting([share.own]).map { hash.hash($0) }.sorted()
    }

    /// - Parameter user: the hash of the user's key.
    @inline(__always)
    package func counts(_ user: UInt64) -> Bool {
        guard let own else { return false }
        let score = SplitMix64.mixed(user ^ own)
        for other in others where SplitMix64.mixed(user ^ other) > score { return false }
        return true
    }
}
