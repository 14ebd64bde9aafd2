import NIOCore

/// An answer with a copy of its body.
struct CopiedAnswer {
    var status: Int
    var body: BodyCopy

    /// - Parameter bytes: begin with the head.
    init(_ head: ResponseHead, _ bytes: ByteBuffer, bytesMax: Int, budget: CopyBudget) {
        status = head.status
        let isChunked = if case .chunked = head.body { true } else { false }
        let coding = bytes.withUnsafeReadableBytes { raw in
            ContentCoding(
                raw.baseAddress!.assumingMemoryBound(to: UInt8.self), from: head.fieldsStart, headLength: head.length)
        }
        body = BodyCopy(BodyForm(isChunked: isChunked, coding: coding), bytesMax: bytesMax, budget: budget)
        if case .length(let length) = head.body, length > bytesMax { body.giveUp(.tooLarge) }
    }
}
