import Foundation
import Synchronization
import Testing

@testable import ControlAPI

@Suite("Challenges") struct ChallengesTests {
    private final class Uptime: Sendable {
        private let time = Mutex(Duration.zero)
        var now: Duration { time.withLock { $0 } }
        func pass(_ duration: Duration) { time.withLock { $0 += duration } }
    }

    private let uptime = Uptime()

    private func challenges() -> Challenges { Challenges { [uptime] in uptime.now } }

    @Test("a challenge is fresh for its lifetime, at the server that issued it")
    func lifetime() {
        let own = challenges()
        let given = own.issue()
        #expect(own.isFresh(given) && !challenges().isFresh(given))
        uptime.pass(Challenges.lifetime)
        #expect(own.isFresh(given))
        uptime.pass(.milliseconds(1))
        #expect(!own.isFresh(given) && own.isFresh(own.issue()))
    }

    @Test("a challenge that the server has not issued is not fresh")
    func forged() throws {
        let own = challenges()
        var bytes = try #require(Base64URL.decode(own.issue()))
        for index in bytes.indices {
            bytes[index] ^= 1
            #expect(!own.isFresh(Base64URL.encode(bytes)))
            bytes[index] ^= 1
        }
        for text in ["", "AAAA", Base64URL.encode(bytes + [0]), Base64URL.encode(bytes.dropLast())] {
            #expect(!own.isFresh(text))
        }
    }

    @Test("a nonce is accepted once with a challenge, as long as the challenge is fresh")
    func nonces() {
        let own = challenges()
        let first = own.issue()
        #expect(own.use("n", with: first) == nil)
        #expect(own.use("n", with: first) == .repeated)
        #expect(own.use("m", with: first) == nil)
        uptime.pass(Challenges.lifetime)
        #expect(own.use("n", with: first) == .repeated)
        uptime.pass(.milliseconds(1))
        #expect(own.use("later", with: own.issue()) == nil)
        #expect(own.use("n", with: first) == .repeated)
    }

    @Test("the number of stored nonces is limited")
    func bound() {
        let own = challenges()
        let challenge = own.issue()
        for index in 0..<Challenges.mostNonces { _ = own.use(String(index), with: challenge) }
        #expect(own.use("one more", with: challenge) == .exhausted)
        uptime.pass(Challenges.lifetime + .milliseconds(1))
        #expect(own.use("one more", with: own.issue()) == nil)
    }
}
