import ModelManifests
import Serving

/// How the revision for a request is chosen.
enum Assignment: Sendable {
    /// At random, for each request independently.
    case random
    /// By the hash of the request's key, if it carries one.
    case sticky(RequestKey, StickyHash)
    /// By an external assignment: whether the request carries the value.
    case matched(RequestKey, value: [UInt8], MatchedShares)

    /// - Parameter weights: those of the revisions, in order.
    init(_ routing: Routing, deployment: DeploymentKey, weights: [Int]) {
        let hash = StickyHash(salt: deployment.description)
        let shares = MatchedShares(weights: weights)
        switch routing {
        case .random: self = .random
        case .stickyHeader(let name): self = .sticky(RequestKey(header: name), hash)
        case .stickyCookie(let name): self = .sticky(RequestKey(cookie: name), hash)
        case .matchHeader(let name, let value):
            self = .matched(RequestKey(header: name), value: Array(value.utf8), shares)
        case .matchCookie(let name, let value):
            self = .matched(RequestKey(cookie: name), value: Array(value.utf8), shares)
        }
    }
}

/// Where requests with the value go, and where the others go. The candidate is the route's last revision. It gets requests with
/// the value while its weight is between 0 and 100. The weight's exact number has no effect.
struct MatchedShares: Hashable, Sendable {
    let matching: Int
    let others: Int

    /// - Parameter weights: those of the revisions, in order. They sum to 100, or are all 0.
    init(weights: [Int]) {
        others = weights.firstIndex { $0 > 0 } ?? 0
        matching = weights.last.map { (1..<100).contains($0) } == true ? weights.count - 1 : others
    }
}
