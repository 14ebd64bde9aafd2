/// The header bytes of one revision, made once.
struct RevisionFields: Sendable {
    /// `x-mlctl-revision: R CR LF x-request-id: `, to be followed by a given id.
    let beforeGivenId: [UInt8]
    /// The same and `R-`, to be followed by a made id.
    let beforeMadeId: [UInt8]
    /// `x-request-id: ` and `x-request-id: R-`, for the upstream.
    let upstreamBeforeMadeId: [UInt8]

    init(revision: String) {
        beforeGivenId = Array("x-mlctl-revision: \(revision)\r\nx-request-id: ".utf8)
        beforeMadeId = Array("x-mlctl-revision: \(revision)\r\nx-request-id: \(revision)-".utf8)
        upstreamBeforeMadeId = Array("x-request-id: \(revision)-".utf8)
    }
}
