import Serving
import Testing

@Suite("Whose evidence a user is")
struct EvidenceShareTests {
    private static let names = ["proxy-a", "proxy-b", "proxy-c"]
    private static let users = (0..<30_000).map { SipHash(keyLow: 1, keyHigh: 2).hash("user-\($0)") }

    private func owners(_ names: [String]) -> [(name: String, owner: EvidenceOwner)] {
        names.enumerated().map { index, name in
            let all = Array(names[index...] + names[..<index])
            return (name, EvidenceOwner(EvidenceShare(own: name, all: all)))
        }
    }

    @Test("each user is that of exactly one proxy, in whichever order they are known")
    func exactlyOne() {
        let owners = owners(Self.names)
        let counts = Self.users.map { user in owners.count { $0.owner.counts(user) } }
        let others = counts.filter { $0 != 1 }
        #expect(others.isEmpty)
    }

    @Test("all have about as many")
    func even() {
        for (name, owner) in owners(Self.names) {
            let own = Self.users.count { owner.counts($0) }
            // Five standard deviations of a binomial count of 30,000 at one third.
            #expect(abs(own - 10_000) < 409, "\(name): \(own)")
        }
    }

    @Test("when one goes, only its own users change over")
    func leaving() {
        let before = owners(Self.names)
        let after = owners(Array(Self.names.dropLast()))
        for (old, new) in zip(before, after) {
            let lost = Self.users.filter { old.owner.counts($0) && !new.owner.counts($0) }
            #expect(lost.isEmpty, "\(old.name)")
        }
    }

    @Test("one that is on its way out has none")
    func leaver() {
        let owner = EvidenceOwner(EvidenceShare(own: "proxy-a", all: ["proxy-b"]))
        let own = Self.users.count { owner.counts($0) }
        #expect(own == 0)
    }
}
