import ModelManifests
import Serving
import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct RequestIdSignerTests {
    @Test("a minted ID is valid only for its deployment and key; a changed byte is not", arguments: 0..<20)
    func proved(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let key = RequestIdentityKey(low: random.next(), high: random.next())
        let deployment = DeploymentKey(
            namespace: Self.name(using: &random), name: Self.name(using: &random))
        let revision = Revision(rawValue: Self.name(using: &random) + "-" + Self.name(using: &random))
        let mint = RequestIdSigner(deployment: deployment, revision: revision, key: key)
        for _ in 0..<20 {
            var id = RequestId()
            let word = random.next()
            id.mint(mint, word: word)
            let text = id.minted(revision: revision.rawValue)
            let read = try #require(RequestIdentity(text, of: deployment, key: key))
            #expect(
                read
                    == RequestIdentity(
                        revision: revision, atSeconds: UInt32(word >> 32), random: UInt32(truncatingIfNeeded: word)))
            #expect(RequestIdentity(text, of: DeploymentKey(namespace: "other", name: "d"), key: key) == nil)
            let otherKey = RequestIdentityKey(low: random.next(), high: random.next())
            #expect(RequestIdentity(text, of: deployment, key: otherKey) == nil)
            for index in text.utf8.indices {
                let changed = Self.changed(text, at: index)
                #expect(RequestIdentity(changed, of: deployment, key: key) == nil, "\(changed)")
            }
        }
    }

    @Test("an answer that no revision gave has an ID that belongs to no deployment")
    func nobody() throws {
        var id = RequestId()
        id.mint(RequestIdSigner(key: PlaneHarness.requestIdKey), word: 5)
        let text = id.minted(revision: RequestIdSigner.nobody)
        #expect(RequestIdentity(unverified: text)?.revision.rawValue == "none")
        #expect(RequestIdentity(text, of: PlaneHarness.deployment, key: PlaneHarness.requestIdKey) == nil)
    }

    @Test("no two of 100,000 requests have the same word, and each contains its second")
    func unique() {
        var words = RequestIdWords(atSeconds: 1_800_000_000, start: 0xffff_fff0)
        var seen: Set<UInt64> = []
        for _ in 0..<100_000 {
            let word = words.next()
            #expect(word >> 32 == 1_800_000_000)
            seen.insert(word)
        }
        #expect(seen.count == 100_000)
    }

    private static func name(using random: inout SeededRandom) -> String {
        String((0..<Int.random(in: 1...40, using: &random)).map { _ in "abc019-".randomElement(using: &random)! })
    }

    private static func changed(_ text: String, at index: String.Index) -> String {
        var bytes = Array(text.utf8)
        let offset = text.utf8.distance(from: text.startIndex, to: index)
        bytes[offset] = bytes[offset] == 0x30 ? 0x31 : 0x30
        return String(decoding: bytes, as: UTF8.self)
    }
}
