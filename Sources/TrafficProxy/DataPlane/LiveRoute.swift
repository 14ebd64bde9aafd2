import ModelManifests
import NIOCore
import Serving

/// One route as the event loop uses it. Made anew with every swap; what must outlast a swap is taken over.
final class LiveRoute {
    let spec: ProxyRoute
    let revisions: [LiveRevision]
    let requestTimeoutNanoseconds: Int64
    /// What is looked at, or copied, of its messages; nil where nothing is.
    let taps: RouteTaps?
    private let weights: [Int]
    private let sticky: StickyKey?
    private var block: WeightedBlock?
    private var keys: RecentKeys

    struct Choice {
        var revision: LiveRevision
        /// False where this user's first request at this revision was counted already.
        var isEvidence: Bool
    }

    /// - Parameter former: the deployment's route until now. While the weights stay, its block of 1,000 goes on; while
    ///   the revisions stay, its users stay known.
    init(_ spec: ProxyRoute, revisions: [LiveRevision], former: LiveRoute?, limits: ProxyLimits) {
        self.spec = spec
        self.revisions = revisions
        requestTimeoutNanoseconds = spec.requestTimeout.nanosecondsClamped
        taps = RouteTaps(spec, revisions: revisions, former: former?.taps, limits: limits)
        weights = spec.revisions.map(\.weight)
        sticky = StickyKey(spec.routing, salt: spec.deployment.description)
        let names = spec.revisions.map(\.revision)
        let formerNames = former?.spec.revisions.map(\.revision) ?? []
        if weights.contains(where: { $0 > 0 }) {
            let isSame = names == formerNames && weights == former?.weights
            block = isSame ? former?.block : WeightedBlock(weights: weights)
        }
        let staysKnown = Set(names) == Set(formerNames) && former?.spec.routing == spec.routing
        keys = staysKnown ? former!.keys : RecentKeys(capacity: limits.rememberedKeys)
    }

    /// The revision that answers this request; nil where none may or can.
    @inline(__always)
    func choose(
        _ bytes: UnsafePointer<UInt8>, _ head: RequestHead, _ spans: [FieldSpan], _ random: inout RoutingRandom
    ) -> Choice? {
        if let sticky, let key = sticky.key(bytes, head, spans) {
            return chooseSticky(
                sticky.hash.hash(UnsafeRawBufferPointer(start: bytes + key.lowerBound, count: key.count)))
        }
        guard let index = block?.next(using: &random) else { return nil }
        return withUpstream(index).map { Choice(revision: $0, isEvidence: true) }
    }

    private func chooseSticky(_ hash: UInt64) -> Choice? {
        guard block != nil else { return nil }
        let index = StickyHash.revision(at: StickyHash.point(of: hash), weights: weights)
        guard let revision = withUpstream(index) else { return nil }
        // A user who moves to the candidate is new there.
        let isNew = keys.insert(hash &+ revision.nameHash)
        return Choice(revision: revision, isEvidence: isNew)
    }

    /// A revision without any instance listed cannot answer: then another one with a share does.
    @inline(__always)
    private func withUpstream(_ index: Int) -> LiveRevision? {
        let revision = revisions[index]
        if !revision.instances.isEmpty { return revision }
        return revisions.first { $0.weight > 0 && !$0.instances.isEmpty }
    }

    func revision(named name: String) -> LiveRevision? { revisions.first { $0.name == name } }

    /// Why `choose` found nothing.
    var unavailable: OwnAnswer {
        let message =
            block == nil
            ? "\(spec.deployment) is not open for traffic yet: try again when its rollout has started to serve"
            : "no instance of \(spec.deployment) is ready: see 'mlctl status \(spec.deployment.name)'"
        return OwnAnswer(503, message, retryAfterSeconds: 1)
    }
}

/// One revision's share of a route, and its instances.
final class LiveRevision {
    let name: String
    let nameHash: UInt64
    let weight: Int
    let fields: RevisionFields
    let instances: [Instance]

    init(_ spec: RevisionRoute, instances: [Instance]) {
        name = spec.revision.rawValue
        nameHash = StickyHash(salt: "revision").hash(spec.revision.rawValue)
        weight = spec.weight
        fields = RevisionFields(revision: spec.revision.rawValue)
        self.instances = instances
    }

    /// The one with fewer requests under way of two drawn at random, ejected ones and `failed` left out while there is
    /// another. (Mitzenmacher, "The power of two choices in randomized load balancing", 2001.)
    @inline(__always)
    func pick(now: Int64, besides failed: Instance?, _ random: inout RoutingRandom) -> Instance? {
        if instances.count <= 1 { return instances.first }
        return pickOfTwo(now: now, besides: failed, &random)
    }

    private func pickOfTwo(now: Int64, besides failed: Instance?, _ random: inout RoutingRandom) -> Instance {
        let count = UInt64(instances.count)
        let firstIndex = Int(random.next().multipliedFullWidth(by: count).high)
        let step = 1 + Int(random.next().multipliedFullWidth(by: count - 1).high)
        let first = instances[firstIndex]
        let second = instances[(firstIndex + step) % instances.count]
        let firstServes = first !== failed && !first.ejection.isEjected(nowNanoseconds: now)
        let secondServes = second !== failed && !second.ejection.isEjected(nowNanoseconds: now)
        switch (firstServes, secondServes) {
        case (true, true): return first.inFlight <= second.inFlight ? first : second
        case (true, false): return first
        case (false, true): return second
        case (false, false):
            let others = instances.lazy.filter { $0 !== failed }
            return others.first { !$0.ejection.isEjected(nowNanoseconds: now) } ?? others.first ?? first
        }
    }
}

/// Finds the key of a sticky route in a request's head.
struct StickyKey {
    static let keyBytesMax = 4096

    private let name: [UInt8]
    private let isCookie: Bool
    let hash: StickyHash

    init?(_ routing: Routing, salt: String) {
        switch routing {
        case .random, .matchHeader, .matchCookie: return nil
        case .stickyHeader(let header):
            name = Array(header.lowercased().utf8)
            isCookie = false
        case .stickyCookie(let cookie):
            name = Array(cookie.utf8)
            isCookie = true
        }
        hash = StickyHash(salt: salt)
    }

    func key(_ bytes: UnsafePointer<UInt8>, _ head: RequestHead, _ spans: [FieldSpan]) -> Range<Int>? {
        let found =
            isCookie
            ? cookie(bytes, spans)
            : FieldScanner.value(of: name, bytes, from: head.fieldsStart, headLength: head.length)
        guard let found, !found.isEmpty, found.count <= Self.keyBytesMax else { return nil }
        return found
    }

    /// `name=value; name=value` (RFC 6265, 4.2.1)
    private func cookie(_ bytes: UnsafePointer<UInt8>, _ spans: [FieldSpan]) -> Range<Int>? {
        for span in spans where span.name == .cookie {
            var start = span.valueStart
            while start < span.valueEnd {
                var end = start
                while end < span.valueEnd, bytes[end] != .semicolon { end += 1 }
                let pair = FieldScanner.trimmed(bytes, start..<end)
                if pair.count > name.count, bytes[pair.lowerBound + name.count] == .equals,
                    name.indices.allSatisfy({ bytes[pair.lowerBound + $0] == name[$0] })
                {
                    return (pair.lowerBound + name.count + 1)..<pair.upperBound
                }
                start = end + 1
            }
        }
        return nil
    }
}
