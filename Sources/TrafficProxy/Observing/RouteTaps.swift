import HTTP1
import ModelManifests
import NIOCore
import Serving

/// What is observed in a route's messages, and which revisions get copies of its requests.
///
/// Whether a request is observed or mirrored is drawn before anything is known about its outcome.
final class RouteTaps {
    struct Mirror {
        var revision: LiveRevision
        /// The share of requests answered by another revision that are mirrored.
        var share: Double
    }

    let comparison: ShadowComparison
    let timeoutNanoseconds: Int64
    /// Kept when routes are replaced, because copies in progress continue.
    let shadows: ShadowSlots
    private let observations: [PredictionObservation]
    /// When each observation with a rate limit may be made again.
    private var nextTurns: [Int64]
    private let mirrors: [Mirror]
    /// The largest sample of all observations.
    private let observedShare: Double

    /// - Returns: nil if nothing is observed or mirrored. Such a route's requests skip all of this.
    init?(_ spec: ProxyRoute, revisions: [LiveRevision], former: RouteTaps?, limits: ProxyLimits) {
        comparison = spec.comparison
        timeoutNanoseconds = spec.requestTimeout.nanosecondsClamped
        let all = spec.observations
        // Rate-limited observations run only while there are two revisions to compare.
        observations = all.filter { $0.mostPerSecond == nil || spec.revisions.count > 1 }
        nextTurns = observations.map { _ in 0 }
        observedShare = observations.map(\.sample).max() ?? 0
        mirrors = zip(revisions, spec.revisions).compactMap { live, spec in
            spec.mirror > 0 && !live.instances.isEmpty
                ? Mirror(revision: live, share: Double(spec.mirror) / 100) : nil
        }
        shadows = former?.shadows ?? ShadowSlots(limit: limits.shadowsPerRoute)
        for (revision, spec) in zip(revisions, spec.revisions) {
            for instance in revision.instances {
                instance.tallies.follow(all, isMirrored: spec.mirror > 0)
            }
        }
        if observations.isEmpty, mirrors.isEmpty { return nil }
    }

    /// - Parameters:
    ///   - revision: the revision that answers.
    ///   - isEvidence: only evidence is observed, and only its pairs and copies count for gates.
    ///   - slices: the slices of the request. Its copies are in the same slices.
    ///   - sent: the head as it is sent to the instance.
    /// - Returns: nil if this request was not drawn.
    func tap(
        _ request: RequestHead, _ source: UnsafePointer<UInt8>, answeredBy revision: LiveRevision, isEvidence: Bool,
        slices: SliceMarks? = nil, id: RequestId, sent: ByteBuffer, plane: DataPlane
    ) -> ExchangeTap? {
        let observed = SampledObservations(
            isEvidence ? drawObservations(plane) : [], reader: plane.bodyReader)
        let copies = drawMirrors(besides: revision, &plane.random)
        if observed.isEmpty, copies.isEmpty { return nil }
        let bytesMax = copies.isEmpty ? plane.limits.copiedBodyBytes : comparison.maxBodyBytes
        let body = BodyCopy(of: request, source, bytesMax: bytesMax, plane: plane)
        var mirror: MirroredRequest?
        if !copies.isEmpty, MirroredRequest.isWanted(request, source) {
            mirror = MirroredRequest(
                head: sent, body: body, to: copies, observed: observed, taps: self, isToHead: request.method == .head,
                isEvidence: isEvidence, slices: slices, id: id.minted(revision: revision.name), plane: plane)
        }
        if observed.isEmpty, mirror == nil { return nil }
        return ExchangeTap(observed, requestBody: body, mirror: mirror, bytesMax: bytesMax, plane: plane)
    }

    /// One draw for all observations: the requests of a smaller sample are a subset of those of a larger one.
    private func drawObservations(_ plane: DataPlane) -> [PredictionObservation] {
        guard observedShare > 0 else { return [] }
        let drawn = Double.random(in: 0..<1, using: &plane.random)
        guard drawn < observedShare else { return [] }
        return observations.indices.filter { drawn < observations[$0].sample && takeTurn(of: $0, plane) }
            .map { observations[$0] }
    }

    /// Spaces observations evenly over the second, whichever revision answers, so that both revisions are observed at the same
    /// times.
    private func takeTurn(of index: Int, _ plane: DataPlane) -> Bool {
        guard let most = observations[index].mostPerSecond else { return true }
        let now = plane.now
        guard now >= nextTurns[index] else { return false }
        nextTurns[index] = now + 1_000_000_000 / Int64(most)
        return true
    }

    private func drawMirrors(besides revision: LiveRevision, _ random: inout RoutingRandom) -> [LiveRevision] {
        var drawn: [LiveRevision] = []
        for mirror in mirrors where mirror.revision !== revision {
            if Double.random(in: 0..<1, using: &random) < mirror.share { drawn.append(mirror.revision) }
        }
        return drawn
    }
}

extension BodyCopy {
    convenience init(of request: RequestHead, _ source: UnsafePointer<UInt8>, bytesMax: Int, plane: DataPlane) {
        let isChunked = if case .chunked = request.body { true } else { false }
        self.init(
            BodyForm(
                isChunked: isChunked,
                coding: ContentCoding(source, from: request.fieldsStart, headLength: request.length)),
            bytesMax: bytesMax, budget: plane.copyBudget)
        if case .length(let length) = request.body, length > bytesMax { giveUp(.tooLarge) }
    }
}
