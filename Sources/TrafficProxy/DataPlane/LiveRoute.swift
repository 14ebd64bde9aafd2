import HTTP1
import ModelManifests
import NIOCore
import Serving

/// One route as the event loop uses it. A new one is made at each route update, and takes over the state that must last.
final class LiveRoute {
    let spec: ProxyRoute
    let revisions: [LiveRevision]
    let requestTimeoutNanoseconds: Int64
    /// The share of requests that reaches each revision, in percent: its weight, plus a part of the weights of revisions without
    /// an instance.
    let served: [Int]
    let tally: RouteTally
    /// What is observed or mirrored. Nil if nothing is.
    let taps: RouteTaps?
    private let weights: [Int]
    private let assignment: Assignment
    private var block: WeightedBlock?
    private var keys: RecentKeys
    private let evidence: EvidenceOwner?
    /// The kept users of an A/B test.
    private(set) var keptUsers: KeptUsers?
    /// The value of `KeptUsers.changes` when the users were last written.
    private var writtenChanges: Int?

    struct Choice {
        var revision: LiveRevision
        /// False if this user's first request at this revision was already counted, or counts at another proxy. Also false if an
        /// external assignment sent the user to another revision.
        var isEvidence: Bool
        /// For a sticky route, the user of the request, if the user counts at this proxy.
        var user: UInt64?
        /// The weights assigned the request to this revision, so its fate is counted there (`SplitCounters`).
        var isDrawn: Bool

        init(revision: LiveRevision, isEvidence: Bool, user: UInt64? = nil, isDrawn: Bool = false) {
            self.revision = revision
            self.isEvidence = isEvidence
            self.user = user
            self.isDrawn = isDrawn
        }

        init(preview: LiveRevision) { self.init(revision: preview, isEvidence: false) }
    }

    /// - Parameters:
    ///   - former: the deployment's current route. While the weights stay the same, its block of 1,000 continues. While the
    ///     revisions stay the same, its known users stay known.
    ///   - restored: users that an earlier proxy process kept.
    init(
        _ spec: ProxyRoute, revisions: [LiveRevision], tally: RouteTally, former: LiveRoute?, restored: KeptUsers?,
        limits: ProxyLimits
    ) {
        self.spec = spec
        self.tally = tally
        served = WeightBalance.served(spec.revisions)
        self.revisions = revisions
        requestTimeoutNanoseconds = spec.requestTimeout.nanosecondsClamped
        taps = RouteTaps(spec, revisions: revisions, former: former?.taps, limits: limits)
        weights = spec.revisions.map(\.weight)
        evidence = spec.evidence.map(EvidenceOwner.init)
        assignment = Assignment(spec.routing, deployment: spec.deployment, weights: weights)
        let names = spec.revisions.map(\.revision)
        let formerNames = former?.spec.revisions.map(\.revision) ?? []
        if weights.contains(where: { $0 > 0 }) {
            let isSame = names == formerNames && weights == former?.weights
            block = isSame ? former?.block : WeightedBlock(weights: weights)
        }
        let staysKnown = Set(names) == Set(formerNames) && former?.spec.routing == spec.routing
        keys = staysKnown ? former!.keys : RecentKeys(capacity: limits.rememberedKeys)
        guard case .sticky = assignment, spec.keepsUsers, !names.isEmpty else { return }
        let isSameKey = former.map { $0.spec.routing == spec.routing } ?? true
        var kept = isSameKey ? former?.keptUsers ?? restored : nil
        kept?.follow(names, weights: weights, capacity: limits.keptUsersPerGeneration)
        writtenChanges = isSameKey ? former?.writtenChanges : nil
        keptUsers = kept ?? KeptUsers(names, weights: weights, capacity: limits.keptUsersPerGeneration)
    }

    /// The revision that answers this request. Nil if none may or can.
    /// - Parameter isUsers: false if it is not a user's own request. Then no user becomes known.
    @inline(__always)
    func choose(
        _ bytes: UnsafePointer<UInt8>, _ head: RequestHead, _ spans: [FieldSpan], isUsers: Bool,
        now: Int64, _ random: inout RoutingRandom
    ) -> Choice? {
        switch assignment {
        case .random: break
        case .sticky(let key, let hash):
            if let value = key.value(bytes, head, spans) {
                let raw = UnsafeRawBufferPointer(start: bytes + value.lowerBound, count: value.count)
                return chooseSticky(hash.hash(raw), isUsers: isUsers, now: now)
            }
        case .matched(let key, let wanted, let shares):
            guard block != nil else { return nil }
            let value = key.value(bytes, head, spans)
            let matches =
                value.map { value in
                    value.count == wanted.count
                        && value.indices.allSatisfy { bytes[$0] == wanted[$0 - value.lowerBound] }
                } ?? false
            let revision = revisions[matches ? shares.matching : shares.others]
            if !revision.instances.isEmpty { return Choice(revision: revision, isEvidence: isUsers) }
            // A user whom an external assignment meant for another revision is not evidence about this one.
            return substitute(for: revision, at: random.next(), isUsers: isUsers, now: now).map {
                Choice(revision: $0, isEvidence: false)
            }
        }
        guard let index = block?.next(using: &random) else { return nil }
        let revision = revisions[index]
        if isUsers { revision.unserved.split.drawn += 1 }
        if !revision.instances.isEmpty { return Choice(revision: revision, isEvidence: isUsers, isDrawn: isUsers) }
        if isUsers, let table = tally.slices { revision.unserved.note(table.marks(bytes, head, spans)) }
        return substitute(for: revision, at: random.next(), isUsers: isUsers, now: now).map {
            Choice(revision: $0, isEvidence: isUsers)
        }
    }

    private func chooseSticky(_ hash: UInt64, isUsers: Bool, now: Int64) -> Choice? {
        guard block != nil else { return nil }
        let keptBefore = keptUsers?.changes
        let index =
            keptUsers?.revision(of: hash, remembers: isUsers)
            ?? StickyHash.revision(at: StickyHash.point(of: hash), weights: weights)
        let meant = revisions[index]
        // Chosen by the user's hash, so that all requests of the user go to the same substitute.
        let revision =
            meant.instances.isEmpty
            ? substitute(for: meant, at: hash &* Self.mixing, isUsers: isUsers, now: now) : meant
        guard let revision else { return nil }
        // A user who moves to the candidate is new there.
        let isNew = isUsers && keys.insert(hash &+ revision.nameHash)
        let countsHere = isUsers && evidence?.counts(hash) ?? true
        // Only users whom no earlier weights have assigned count as drawn by the current weights.
        let isDrawn =
            isNew && countsHere
            && (keptUsers.map { $0.changes != keptBefore }
                ?? !revisions.contains { $0 !== revision && keys.contains(hash &+ $0.nameHash) })
        if isDrawn { meant.unserved.split.drawn += 1 }
        return Choice(
            revision: revision, isEvidence: isNew && countsHere, user: countsHere ? hash : nil,
            isDrawn: isDrawn && revision === meant)
    }

    /// An odd constant (2^64 divided by the golden ratio), which spreads the users of one revision over all points.
    private static let mixing: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// A revision without listed instances cannot answer. Counts what it misses, and returns the revision that answers instead.
    private func substitute(for revision: LiveRevision, at point: UInt64, isUsers: Bool, now: Int64) -> LiveRevision? {
        if isUsers { revision.unserved.note(at: now) }
        let index = StickyHash.revision(at: StickyHash.point(of: point), weights: served)
        return revisions[index].instances.isEmpty ? nil : revisions[index]
    }

    /// The users of an A/B test. Nil if there are no new ones since the last call.
    func usersToSave() -> KeptUsers? {
        guard let keptUsers, keptUsers.changes != writtenChanges else { return nil }
        writtenChanges = keptUsers.changes
        return keptUsers
    }

    func revision(named name: String) -> LiveRevision? { revisions.first { $0.name == name } }

    /// Whether any revision has a share.
    var isOpen: Bool { block != nil }

    /// The answer when `choose` found no revision.
    var unavailable: LocalReply {
        let message =
            block == nil
            ? "\(spec.deployment) is not open for traffic yet. Try again when its rollout has started to serve."
            : "no instance of \(spec.deployment) is ready. See 'mlctl status \(spec.deployment.name)'."
        return LocalReply(503, message, retryAfterSeconds: 1)
    }
}

/// The share of one revision in a route, and its instances.
final class LiveRevision {
    let name: String
    let nameHash: UInt64
    let weight: Int
    let fields: RevisionFields
    let mint: RequestIdSigner
    let instances: [Instance]
    let unserved: RouteTally.RevisionTally
    /// The queue of requests that wait for room at an instance. Nil if there is no concurrency limit.
    let queue: AdmissionQueue?
    /// The users of a sticky route.
    let users: UserWindows.Users?

    init(
        _ spec: RevisionRoute, mint: RequestIdSigner, instances: [Instance], unserved: RouteTally.RevisionTally,
        users: UserWindows.Users? = nil, queue: AdmissionQueue? = nil
    ) {
        self.queue = queue
        self.unserved = unserved
        self.users = users
        name = spec.revision.rawValue
        nameHash = StickyHash(salt: "revision").hash(spec.revision.rawValue)
        weight = spec.weight
        fields = RevisionFields(revision: spec.revision.rawValue)
        self.mint = mint
        self.instances = instances
    }

    /// The less loaded of two instances drawn at random. Ejected instances and `failed` are skipped while there is another.
    /// (Mitzenmacher, "The power of two choices in randomized load balancing", 2001.)
    @inline(__always)
    func pick(now: Int64, besides failed: Instance?, _ random: inout RoutingRandom) -> Instance? {
        if instances.count <= 1 { return instances.first }
        return pickOfTwo(now: now, besides: failed, &random)
    }

    /// Like `pick`, but skips full instances while there is one with room.
    func pickWithRoom(
        by queue: AdmissionQueue, now: Int64, besides failed: Instance?, _ random: inout RoutingRandom
    ) -> Instance? {
        guard let picked = pick(now: now, besides: failed, &random) else { return nil }
        if queue.hasRoom(at: picked) { return picked }
        let others = instances.filter { $0 !== failed && queue.hasRoom(at: $0) }
        let serving = others.filter { !$0.isCurrentlyEjected(now: now) }
        return (serving.isEmpty ? others : serving).min { $0.inFlight < $1.inFlight } ?? picked
    }

    private func pickOfTwo(now: Int64, besides failed: Instance?, _ random: inout RoutingRandom) -> Instance {
        let count = UInt64(instances.count)
        let firstIndex = Int(random.next().multipliedFullWidth(by: count).high)
        let step = 1 + Int(random.next().multipliedFullWidth(by: count - 1).high)
        let first = instances[firstIndex]
        let second = instances[(firstIndex + step) % instances.count]
        let firstServes = first !== failed && !first.isCurrentlyEjected(now: now)
        let secondServes = second !== failed && !second.isCurrentlyEjected(now: now)
        switch (firstServes, secondServes) {
        case (true, true):
            if first.inFlight <= second.inFlight { return first }
            // An instance that fails becomes free at once and would attract traffic, so few requests in progress do not speak for
            // it.
            return second.recent.failures.isWorse(than: first.recent.failures) ? first : second
        case (true, false): return first
        case (false, true): return second
        case (false, false):
            let others = instances.lazy.filter { $0 !== failed }
            return others.first { !$0.isCurrentlyEjected(now: now) } ?? others.first ?? first
        }
    }

    /// Ejects instances that serve much worse than their siblings, and ends ejections whose time is over.
    func ejectOutliers(now: Int64) {
        guard instances.count > 1 else { return }
        for instance in instances { instance.endOutlierEjection(now: now) }
        let found = Outliers.find(
            instances.map { (recent: $0.recent, isOut: $0.outlier.isEjected(nowNanoseconds: now)) })
        for (place, cause) in found { instances[place].ejectAsOutlier(cause, now: now) }
    }
}
