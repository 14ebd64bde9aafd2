/// The header bytes of one revision, made once.
struct RevisionFields: Sendable {
    /// `x-mlctl-revision: R CR LF x-mlctl-request-id: R-`, to be followed by the rest of our id.
    let answerBeforeMintedId: [UInt8]
    /// `x-mlctl-request-id: R-`, for the instance.
    let upstreamBeforeMintedId: [UInt8]
    /// `x-request-id: R-`, where the client gave no id of its own.
    let beforeOwnId: [UInt8]

    init(revision: String) {
        answerBeforeMintedId = Array("x-mlctl-revision: \(revision)\r\nx-mlctl-request-id: \(revision)-".utf8)
        upstreamBeforeMintedId = Array("x-mlctl-request-id: \(revision)-".utf8)
        beforeOwnId = Array("x-request-id: \(revision)-".utf8)
    }
}
