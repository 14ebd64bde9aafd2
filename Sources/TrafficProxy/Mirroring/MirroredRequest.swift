import HTTP1
import ModelManifests
import NIOCore

/// Copies of one request that go to shadows, and the comparison of their answers with the user's answer.
///
/// Shadows must have no side effects, because all methods are mirrored. A client opts out with `x-mlctl-no-mirror: true`. A copy
/// has the field `x-mlctl-shadow: true` and the ID of the original request.
final class MirroredRequest {
    private static let optOut = Array("x-mlctl-no-mirror".utf8)

    private struct Shadow {
        var tally: PairTally
        /// Nil if none came: the shadow was down or too late, or did not send HTTP.
        var answer: CopiedAnswer?
    }

    private let head: ByteBuffer
    private let body: BodyCopy
    private let revisions: [LiveRevision]
    /// The observations of the request and of the stable answer. Shadows are observed in the same way.
    private let observed: SampledObservations
    private let taps: RouteTaps
    private let isToHead: Bool
    private let isEvidence: Bool
    /// The slices of the request. Body slices are read once a copy has ended.
    private var slices: SliceMarks?
    private let id: String
    private let plane: DataPlane
    /// The answer that the user got. Nil until then, and forever if the client gave up.
    private var userAnswer: CopiedAnswer?
    /// Shadows that answered before the user's answer was complete.
    private var waiting: [Shadow] = []

    /// - Parameter head: as sent to the instance that answers the user, including its empty line.
    init(
        head: ByteBuffer, body: BodyCopy, to revisions: [LiveRevision], observed: SampledObservations, taps: RouteTaps,
        isToHead: Bool,
        isEvidence: Bool, slices: SliceMarks?, id: String, plane: DataPlane
    ) {
        self.slices = slices
        self.head = Self.shadowHead(head)
        self.body = body
        self.revisions = revisions
        self.observed = observed
        self.taps = taps
        self.isToHead = isToHead
        self.isEvidence = isEvidence
        self.id = id
        self.plane = plane
    }

    static func isWanted(_ request: RequestHead, _ source: UnsafePointer<UInt8>) -> Bool {
        let value = FieldScanner.value(
            of: optOut, source, from: request.fieldsStart, headLength: request.length)
        return value.map { !FieldScanner.equals(source, $0, "true") } ?? true
    }

    // MARK: The copies

    /// Sends the copies, as far as there is room. The request is complete.
    func send() {
        for revision in revisions {
            guard let instance = revision.pick(now: plane.now, besides: nil, &plane.random) else { continue }
            guard let body = body.verbatim else {
                dropped(at: instance, isTooLarge: self.body.isTooLarge)
                continue
            }
            guard taps.shadows.take() else {
                dropped(at: instance)
                continue
            }
            InternalRequest(
                head, body, to: instance, isToHead: isToHead, copiedBytesMax: taps.comparison.maxBodyBytes,
                timeoutNanoseconds: taps.timeoutNanoseconds, plane: plane
            ) { request, end in
                self.shadowEnded(request, end)
            }.start()
        }
    }

    private static func shadowHead(_ head: ByteBuffer) -> ByteBuffer {
        var copy = ByteBuffer()
        copy.reserveCapacity(head.readableBytes + 32)
        // Without the empty line.
        head.withUnsafeReadableBytes { _ = copy.writeBytes(UnsafeRawBufferPointer(rebasing: $0.dropLast(2))) }
        copy.writeStaticString("x-mlctl-shadow: true\r\n\r\n")
        return copy
    }

    private func dropped(at instance: Instance, isTooLarge: Bool = false) {
        if isEvidence { instance.tallies.pairs?.dropped(isTooLarge: isTooLarge) }
    }

    private func shadowEnded(_ request: InternalRequest, _ end: InternalRequest.End) {
        taps.shadows.give()
        let instance = request.instance
        switch end {
        case .refused:
            dropped(at: instance)
        case .failed:
            count(.failed, request)
            instance.failedIds.append(id)
            pairs(with: nil, of: instance)
        case .answered(let status, let answer):
            count(.answered(status: status), request)
            if status >= 500 { instance.failedIds.append(id) }
            guard let answer else { return }
            observed.read(answer, at: instance)
            pairs(with: answer, of: instance)
        }
    }

    private func count(_ outcome: RequestOutcome, _ request: InternalRequest) {
        let now = plane.now
        request.instance.count(
            outcome, nanoseconds: request.latencyNanoseconds, endedAt: now, isEvidence: isEvidence)
        if slices != nil { countInSlices(outcome, request, endedAt: now) }
        observed.read(body.readable, subject: .request, at: request.instance)
    }

    private func countInSlices(_ outcome: RequestOutcome, _ request: InternalRequest, endedAt end: Int64) {
        if slices?.needsBody == true {
            if case .success(let payload) = body.readable.payload {
                payload.withUnsafeReadableBytes { slices?.readBody($0) }
            } else {
                slices?.readBody(nil)
            }
        }
        guard let slices, let tallies = request.instance.slices, tallies.table === slices.table else { return }
        tallies.count(slices, outcome, nanoseconds: request.latencyNanoseconds, endedAt: end)
    }

    // MARK: The pairs

    /// The user's answer is complete.
    func answered(_ answer: CopiedAnswer) {
        userAnswer = answer
        let shadows = waiting
        waiting = []
        for shadow in shadows { pair(shadow) }
    }

    private func pairs(with answer: CopiedAnswer?, of instance: Instance) {
        if isEvidence, let tally = instance.tallies.pairs { pair(Shadow(tally: tally, answer: answer)) }
    }

    private func pair(_ shadow: Shadow) {
        guard let userAnswer else {
            waiting.append(shadow)
            return
        }
        let (user, tally) = (userAnswer.paired, shadow.tally)
        let other = shadow.answer?.paired ?? .none(to: user)
        let comparison = taps.comparison
        let isTaken = plane.bodyReader.submit(bytes: user.body.byteCount + other.body.byteCount) {
            tally.compare(user: user, shadow: other, by: comparison)
        }
        if !isTaken { tally.miss(.noRoom) }
    }
}

extension CopiedAnswer {
    fileprivate var paired: PairedAnswer { PairedAnswer(status: status, body: body.readable) }
}

/// Limits the number of copies in progress per route: a shadow that hangs costs this many, and then none.
final class ShadowSlots {
    let limit: Int
    private(set) var underWay = 0

    init(limit: Int) { self.limit = limit }

    func take() -> Bool {
        guard underWay < limit else { return false }
        underWay += 1
        return true
    }

    func give() { underWay -= 1 }
}
