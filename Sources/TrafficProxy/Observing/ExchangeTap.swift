import HTTP1
import NIOCore

/// One request that is looked at, or copied, or both; and its answer. It only ever listens: whatever it does, the request
/// and its answer go on as they came.
final class ExchangeTap {
    private let observed: DrawnObservations
    private let mirror: MirroredRequest?
    private let requestBody: BodyCopy
    private let keepsRequest: Bool
    private let keepsAnswer: Bool
    /// Of the answer's copy.
    private let bytesMax: Int
    private let plane: DataPlane
    private var requestIsWhole = false
    private var answer: CopiedAnswer?

    init(
        _ observed: DrawnObservations, requestBody: BodyCopy, mirror: MirroredRequest?, bytesMax: Int, plane: DataPlane
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

    /// All of the request was read, and went on as far as it could. May be called again.
    func requestEnded() {
        guard !requestIsWhole else { return }
        requestIsWhole = true
        mirror?.send()
    }

    /// The request entered the counters of an instance.
    func wasCounted(at instance: Instance) {
        observed.read(requestIsWhole ? requestBody.readable : .unseen(.incomplete), subject: .request, at: instance)
    }

    // MARK: The answer

    /// - Parameter bytes: begins with the head.
    func answerBegan(_ head: ResponseHead, _ bytes: ByteBuffer) {
        guard keepsAnswer else { return }
        answer = CopiedAnswer(head, bytes, bytesMax: bytesMax, budget: plane.copyBudget)
    }

    /// - Parameter bytes: begins with the part.
    func answerPart(_ bytes: ByteBuffer, _ count: Int) {
        bytes.withUnsafeReadableBytes { answer?.body.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    func answerEnded(at instance: Instance) {
        guard let answer else { return }
        observed.read(answer, at: instance)
        mirror?.answered(answer)
    }
}
