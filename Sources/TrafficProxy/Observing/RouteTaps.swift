import HTTP1
import ModelManifests
import NIOCore
import Serving

/// What is looked at in a route's messages, and where copies of its requests go.
///
/// Which requests are tapped is drawn before anything is known of their outcome.
final class RouteTaps {
    struct Mirror {
        var revision: LiveRevision
        /// Of the requests that another revision answers.
        var share: Double
    }

    let comparison: ShadowComparison
    let timeoutNanoseconds: Int64
    /// Outlasts a swap of the routes: what was under way still is.
    let shadows: ShadowSlots
    private let observations: [PredictionObservation]
    /// When an observation of so many a second may be made again.
    private var nextTurns: [Int64]
    private let mirrors: [Mirror]
    /// The largest sample.
    private let observedShare: Double

    /// - Returns: nil where nothing is tapped: such a route's requests are spared all of this.
    init?(_ spec: ProxyRoute, revisions: [LiveRevision], former: RouteTaps?, limits: ProxyLimits) {
        comparison = spec.comparison
        timeoutNanoseconds = spec.requestTimeout.nanosecondsClamped
        let all = spec.observations
        // What is observed in moderation is so while there is something to compare.
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
    ///   - revision: which answers.
    ///   - isEvidence: only such requests are observed, and only their pairs and copies count for gates.
    ///   - slices: that the request is in; its copies are in the same.
    ///   - sent: the head as it goes to the instance.
    /// - Returns: nil where this request was not drawn.
    func tap(
        _ request: RequestHead, _ source: UnsafePointer<UInt8>, answeredBy revision: LiveRevision, isEvidence: Bool,
        slices: SliceMarks? = nil, id: RequestId, sent: ByteBuffer, plane: DataPlane
    ) -> ExchangeTap? {
        let observed = DrawnObservations(
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

    /// One draw for all of them: what is sampled less is part of what is sampled more.
    private func drawObservations(_ plane: DataPlane) -> [PredictionObservation] {
        guard observedShare > 0 else { return [] }
        let drawn = Double.random(in: 0..<1, using: &plane.random)
        guard drawn < observedShare else { return [] }
        return observations.indices.filter { drawn < observations[$0].sample && takeTurn(of: $0, plane) }
            .map { observations[$0] }
    }

    /// Spaced evenly over the second, whichever revision answers: so what is seen of both is of the same time.
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
