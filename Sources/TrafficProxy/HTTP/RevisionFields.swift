/// Header bytes of one revision, prepared once.
struct RevisionFields: Sendable {
    /// `x-mlctl-revision: R CR LF x-mlctl-request-id: R-`, followed by the rest of the minted ID.
    let answerBeforeMintedId: [UInt8]
    /// `x-mlctl-request-id: R-`, sent to the instance.
    let upstreamBeforeMintedId: [UInt8]
    /// `x-request-id: R-`, used if the client sent no ID.
    let beforeOwnId: [UInt8]

    init(revision: String) {
        answerBeforeMintedId = Array("x-mlctl-revision: \(revision)\r\nx-mlctl-request-id: \(revision)-".utf8)
        upstreamBeforeMintedId = Array("x-mlctl-request-id: \(revision)-".utf8)
        beforeOwnId = Array("x-request-id: \(revision)-".utf8)
    }
}
