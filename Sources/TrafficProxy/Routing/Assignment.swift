import ModelManifests
import Serving

/// Who decides which revision answers a request.
enum Assignment: Sendable {
    /// Each request by itself.
    case random
    /// The key that it carries, where it carries one.
    case sticky(RequestKey, StickyHash)
    /// Somebody else, who gave it the value.
    case matched(RequestKey, value: [UInt8], MatchedShares)

    /// - Parameter weights: of the revisions in their order.
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

/// Where those go who carry the value, and where the others: the candidate is the route's last revision, and judged
/// while its weight lies between 0 and 100; how far between decides nothing.
struct MatchedShares: Hashable, Sendable {
    let matching: Int
    let others: Int

    /// - Parameter weights: of the revisions in their order; they sum to 100, or are all 0.
    init(weights: [Int]) {
        others = weights.firstIndex { $0 > 0 } ?? 0
        matching = weights.last.map { (1..<100).contains($0) } == true ? weights.count - 1 : others
    }
}
