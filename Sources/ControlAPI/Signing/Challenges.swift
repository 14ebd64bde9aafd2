import Crypto
import Foundation
import Synchronization

/// Makes signed requests useless for replay. Each one must carry a challenge that this server issued recently, and a nonce that
/// was not used with this challenge before.
///
/// A challenge contains the time at which it was issued, and is authenticated with a key of this process. So the server stores
/// nothing for clients that only request one, and after a restart all challenges are void. A nonce is stored once its request is
/// known to be genuine.
final class Challenges: Sendable {
    enum Refusal: Hashable {
        /// From another server, or too old. The request can be signed again with a new challenge.
        case stale
        case repeated
        /// Too many signed requests in a short time.
        case exhausted
    }

    static let lifetime: Duration = .seconds(600)
    /// For the nonces of one lifetime. About 20 MB.
    static let mostNonces = 200_000
    private static let codeBytes = 16

    private let key = SymmetricKey(size: .bits256)
    /// Time since start; never goes back.
    private let uptime: @Sendable () -> Duration
    private let seen = Mutex(Seen())

    /// Two generations, one lifetime each. A nonce in neither belongs to a stale challenge anyway.
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

    /// Called before the request's own code is checked. It costs one HMAC, whatever is sent.
    func isFresh(_ challenge: String) -> Bool {
        guard let data = Base64URL.decode(challenge), data.count == 8 + Self.codeBytes else { return false }
        let time = Data(data.prefix(8))
        let expected = code(of: time)
        // Takes the same time for a wrong code as for the right one.
        let difference = zip(data.suffix(Self.codeBytes), expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
        guard difference == 0 else { return false }
        let given = time.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return uptime() - .milliseconds(given) <= Self.lifetime
    }

    /// Records the nonce of a genuine request.
    /// - Returns: why it is refused; nil if it was new.
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
