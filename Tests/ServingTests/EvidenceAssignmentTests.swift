import Serving
import Testing

@Suite("Which proxy counts a user")
struct EvidenceShareTests {
    private static let names = ["proxy-a", "proxy-b", "proxy-c"]
    private static let users = (0..<30_000).map { SipHash(keyLow: 1, keyHigh: 2).hash("user-\($0)") }

    private func owners(_ names: [String]) -> [(name: String, owner: EvidenceOwner)] {
        names.enumerated().map { index, name in
            let all = Array(names[index...] + names[..<index])
            return (name, EvidenceOwner(EvidenceAssignment(own: name, all: all)))
        }
    }

    @Test("each user counts at exactly one proxy, in whatever order the proxies are listed")
    func exactlyOne() {
        let owners = owners(Self.names)
        let counts = Self.users.map { user in owners.count { $0.owner.counts(user) } }
        let others = counts.filter { $0 != 1 }
        #expect(others.isEmpty)
    }

    @Test("all proxies count about equally many users")
    func even() {
        for (name, owner) in owners(Self.names) {
            let own = Self.users.count { owner.counts($0) }
            // Five standard deviations of a binomial count of 30,000 at one third.
            #expect(abs(own - 10_000) < 409, "\(name): \(own)")
        }
    }

    @Test("when a proxy goes, only its own users move")
    func leaving() {
        let before = owners(Self.names)
        let after = owners(Array(Self.names.dropLast()))
        for (old, new) in zip(before, after) {
            let lost = Self.users.filter { old.owner.counts($0) && !new.owner.counts($0) }
            #expect(lost.isEmpty, "\(old.name)")
        }
    }

    @Test("a proxy that is leaving counts no users")
    func leaver() {
        let owner = EvidenceOwner(EvidenceAssignment(own: "proxy-a", all: ["proxy-b"]))
        let own = Self.users.count { owner.counts($0) }
        #expect(own == 0)
    }
}
