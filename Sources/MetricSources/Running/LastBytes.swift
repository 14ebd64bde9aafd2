/// The end of a stream of bytes, however long it is.
struct LastBytes: Sendable {
    let limit: Int
    private(set) var count = 0
    private var kept: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// Costs as much as `bytes` is long, at most twice `limit`.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        count += bytes.count
        kept.append(contentsOf: bytes.suffix(limit))
        if kept.count > 2 * limit { kept.removeFirst(kept.count - limit) }
    }

    /// At most `limit` bytes.
    var bytes: ArraySlice<UInt8> { kept.suffix(limit) }

    var isCut: Bool { count > limit }

    /// Without the broken character that a cut may leave at the start.
    var text: String {
        let whole = isCut ? bytes.drop { $0 & 0xC0 == 0x80 } : bytes
        return String(decoding: whole, as: UTF8.self)
    }
}
