import HTTP1
import NIOCore

/// Observes or mirrors one request and its answer. It only copies: the request and its answer are never delayed or changed.
final class ExchangeTap {
    private let observed: SampledObservations
    private let mirror: MirroredRequest?
    private let requestBody: BodyCopy
    private let keepsRequest: Bool
    private let keepsAnswer: Bool
    /// The size limit of the answer's copy.
    private let bytesMax: Int
    private let plane: DataPlane
    private var requestIsWhole = false
    private var answer: CopiedAnswer?

    init(
        _ observed: SampledObservations, requestBody: BodyCopy, mirror: MirroredRequest?, bytesMax: Int,
        plane: DataPlane
    ) {
        self.bytesMax = bytesMax
        self.observed = observed
        self.requestBody = requestBody
        self.mirror = mirror
        self.plane = plane
        keepsRequest = mirror != nil || observed.look(at: .request)
        keepsAnswer = mirror != nil || observed.look(at: .answer)
    }

    // MARK: The request

    func requestPart(_ bytes: UnsafeRawBufferPointer) {
        if keepsRequest { requestBody.append(bytes) }
    }

    /// The whole request was read and forwarded as far as possible. May be called more than once.
    func requestEnded() {
        guard !requestIsWhole else { return }
        requestIsWhole = true
        mirror?.send()
    }

    /// The request was added to the counters of an instance.
    func wasCounted(at instance: Instance) {
        observed.read(requestIsWhole ? requestBody.readable : .unseen(.incomplete), subject: .request, at: instance)
    }

    // MARK: The answer

    /// - Parameter bytes: begin with the head.
    func answerBegan(_ head: ResponseHead, _ bytes: ByteBuffer) {
        guard keepsAnswer else { return }
        answer = CopiedAnswer(head, bytes, bytesMax: bytesMax, budget: plane.copyBudget)
    }

    /// - Parameter bytes: begin with the part.
    func answerPart(_ bytes: ByteBuffer, _ count: Int) {
        bytes.withUnsafeReadableBytes { answer?.body.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    func answerEnded(at instance: Instance) {
        guard let answer else { return }
        observed.read(answer, at: instance)
        mirror?.answered(answer)
    }
}
