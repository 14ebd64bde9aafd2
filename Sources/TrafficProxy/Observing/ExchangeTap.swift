import ModelManifests
import NIOCore

/// One request that is looked at, or copied, or both; and its answer. It only ever listens: whatever it does, the request
/// and its answer go on as they came.
final class ExchangeTap {
    private let observed: [PredictionObservation]
    private let mirror: MirroredRequest?
    private let requestBody: BodyCopy
    private let keepsRequest: Bool
    private let keepsAnswer: Bool
    private let plane: DataPlane
    private var requestIsWhole = false
    private var answer: CopiedAnswer?

    init(
        _ observed: [PredictionObservation], requestBody: BodyCopy, mirror: MirroredRequest?, plane: DataPlane
    ) {
        self.observed = observed
        self.requestBody = requestBody
        self.mirror = mirror
        self.plane = plane
        keepsRequest = mirror != nil || observed.contains { $0.subject == .request }
        keepsAnswer = mirror != nil || observed.contains { $0.subject == .answer }
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
        read(requestIsWhole ? requestBody.readable : .unseen(.incomplete), subject: .request, at: instance)
    }

    // MARK: The answer

    /// - Parameter bytes: begins with the head.
    func answerBegan(_ head: ResponseHead, _ bytes: ByteBuffer) {
        guard keepsAnswer else { return }
        answer = CopiedAnswer(head, bytes, bytesMax: plane.limits.copiedBodyBytes, budget: plane.copyBudget)
    }

    /// - Parameter bytes: begins with the part.
    func answerPart(_ bytes: ByteBuffer, _ count: Int) {
        bytes.withUnsafeReadableBytes { answer?.body.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    func answerEnded(at instance: Instance) {
        guard let answer else { return }
        if answer.status / 100 == 2 { read(answer.body.readable, subject: .answer, at: instance) }
        mirror?.answered(answer)
    }

    // MARK: Reading

    private func read(_ body: CopiedBody, subject: PredictionObservation.Subject, at instance: Instance) {
        let tallies = observed.compactMap { observation in
            observation.subject == subject ? instance.tallies.tally(of: observation) : nil
        }
        guard !tallies.isEmpty else { return }
        let isTaken = plane.bodyReader.submit(bytes: body.byteCount) {
            for tally in tallies { tally.read(body) }
        }
        if !isTaken { for tally in tallies { tally.miss(.noRoom) } }
    }
}
