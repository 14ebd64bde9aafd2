import Crypto
import Foundation
import Synchronization

/// What signed requests have to carry, so that one that somebody has seen is good for nothing: a challenge that this
/// server gave out a short while ago, and a nonce that has not been used with it.
///
/// A challenge says when it was given, and is authenticated by a key of this process. So nothing is kept for those who
/// only ask for one, and after a restart all of them are void. Nonces are kept once a request is known to be genuine.
final class Challenges: Sendable {
    enum Refusal: Hashable {
        /// Not this server's, or too old: with a new one the request can be signed again.
        case stale
        case repeated
        /// So many signed requests in so short a time.
        case exhausted
    }

    static let lifetime: Duration = .seconds(600)
    /// Of nonces of one lifetime. About 20 MB.
    static let mostNonces = 200_000
    private static let codeBytes = 16

    private let key = SymmetricKey(size: .bits256)
    /// Time since some moment; never goes back.
    private let uptime: @Sendable () -> Duration
    private let seen = Mutex(Seen())

    /// Two generations of a lifetime each: what is in neither is stale anyway.
    private struct Seen {
        var since: Duration?
        var current: Set<String> = []
        var previous: Set<String> = []
    }

    init(uptime: (@Sendable () -> Duration)? = nil) {
        let start = ContinuousClock.now
        self.uptime = uptime ?? { ContinuousClock.now - start }
    }

    func issue() -> String {
        let milliseconds = UInt64(max(0, uptime() / .milliseconds(1)))
        let time = withUnsafeBytes(of: milliseconds.bigEndian) { Data($0) }
        return Base64URL.encode(time + code(of: time))
    }

    /// Checked before the request's own code is: it costs one HMAC, whatever is sent.
    func isFresh(_ challenge: String) -> Bool {
        guard let data = Base64URL.decode(challenge), data.count == 8 + Self.codeBytes else { return false }
        let time = Data(data.prefix(8))
        let expected = code(of: time)
        // As long for a wrong one as for a right one.
        let difference = zip(data.suffix(Self.codeBytes), expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        guard difference == 0 else { return false }
        let given = time.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return uptime() - .milliseconds(given) <= Self.lifetime
    }

    /// Takes the nonce of a genuine request.
    /// - Returns: why it is refused; nil: it was new.
    func use(_ nonce: String, with challenge: String) -> Refusal? {
        let entry = "\(challenge)\n\(nonce)"
        let now = uptime()
        return seen.withLock { seen in
            let since = seen.since ?? now
            if now - since > Self.lifetime {
                seen.previous = now - since > Self.lifetime * 2 ? [] : seen.current
                seen.current = []
                seen.since = now
            } else {
                seen.since = since
            }
            guard !seen.current.contains(entry), !seen.previous.contains(entry) else { return .repeated }
            guard seen.current.count < Self.mostNonces else { return .exhausted }
            seen.current.insert(entry)
            return nil
        }
    }

    private func code(of time: Data) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: time, using: key)).prefix(Self.codeBytes)
    }
}
