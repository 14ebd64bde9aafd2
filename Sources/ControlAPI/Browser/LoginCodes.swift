import Synchronization

/// Codes that sign in one browser, once, within a minute: `mlctl dashboard` prints a link with one, so that no token is ever in
/// an address.
final class LoginCodes: Sendable {
    static let lifetime: Duration = .seconds(60)
    static let most = 64

    /// Who the code signs in.
    struct Grant: Sendable {
        var caller: Caller
        /// The token that asked for the code; nil for the controller's own user.
        var key: AccessKey?
    }

    private struct Entry: Sendable {
        var grant: Grant
        var endsAt: Duration
    }

    private let entries = Mutex<[String: Entry]>([:])
    /// Time since start; never goes back.
    private let uptime: @Sendable () -> Duration

    init(uptime: (@Sendable () -> Duration)? = nil) {
        let start = ContinuousClock.now
        self.uptime = uptime ?? { ContinuousClock.now - start }
    }

    /// - Returns: nil if there are too many codes that nobody has used.
    func issue(_ grant: Grant) -> String? {
        let now = uptime()
        return entries.withLock { entries in
            entries = entries.filter { $0.value.endsAt > now }
            guard entries.count < Self.most else { return nil }
            let code = BrowserSessions.random()
            entries[code] = Entry(grant: grant, endsAt: now + Self.lifetime)
            return code
        }
    }

    /// A code works once, and not after its time.
    func redeem(_ code: String) -> Grant? {
        let now = uptime()
        return entries.withLock { entries in
            guard let entry = entries.removeValue(forKey: code), entry.endsAt > now else { return nil }
            return entry.grant
        }
    }
}

/// Limits how often sign-ins may fail: for each peer, and for all together. Pure.
struct LoginThrottle: Sendable {
    static let window: Duration = .seconds(60)
    static let mostOfPeer = 10
    static let mostOfAll = 200
    /// Beyond that, the oldest failures of all peers are forgotten.
    static let mostPeers = 1024

    private var failures: [String: [Duration]] = [:]
    private var all: [Duration] = []

    /// - Returns: how long the peer has to wait; nil if it may try.
    mutating func wait(of peer: String, at now: Duration) -> Duration? {
        forget(before: now - Self.window)
        let own = failures[peer] ?? []
        if own.count >= Self.mostOfPeer, let first = own.first { return first + Self.window - now }
        if all.count >= Self.mostOfAll, let first = all.first { return first + Self.window - now }
        return nil
    }

    mutating func fail(_ peer: String, at now: Duration) {
        if failures[peer] == nil, failures.count >= Self.mostPeers,
            let oldest = failures.min(by: { ($0.value.last ?? .zero) < ($1.value.last ?? .zero) })
        {
            failures[oldest.key] = nil
        }
        failures[peer, default: []].append(now)
        all.append(now)
    }

    private mutating func forget(before limit: Duration) {
        all.removeAll { $0 <= limit }
        failures = failures.compactMapValues { times in
            let left = times.filter { $0 > limit }
            return left.isEmpty ? nil : left
        }
    }
}
