import NIOCore

/// An answer whose body was copied.
struct CopiedAnswer {
    var status: Int
    var body: BodyCopy

    /// - Parameter bytes: begins with the head.
    init(_ head: ResponseHead, _ bytes: ByteBuffer, bytesMax: Int, budget: CopyBudget) {
        status = head.status
        let isChunked = if case .chunked = head.body { true } else { false }
        let isCompressed = bytes.withUnsafeReadableBytes { raw in
            ContentCoding.isCoded(
                raw.baseAddress!.assumingMemoryBound(to: UInt8.self), from: head.fieldsStart, headLength: head.length)
        }
        body = BodyCopy(isChunked: isChunked, isCompressed: isCompressed, bytesMax: bytesMax, budget: budget)
        if case .length(let length) = head.body, length > bytesMax { body.giveUp(.tooLarge) }
    }
}

/// Whether a body is compressed (RFC 9110, 8.4), read from a head that was scanned before.
enum ContentCoding {
    private static let fieldName = Array("content-encoding".utf8)

    static func isCoded(_ bytes: UnsafePointer<UInt8>, from start: Int, headLength: Int) -> Bool {
        guard let value = FieldScanner.value(of: fieldName, bytes, from: start, headLength: headLength) else {
            return false
        }
        return !value.isEmpty && !FieldScanner.equals(bytes, value, "identity")
    }
}
