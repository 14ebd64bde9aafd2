/// The last bytes of a stream of any length.
struct LastBytes: Sendable {
    let limit: Int
    private(set) var count = 0
    private var kept: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// The cost is proportional to `bytes`. At most `2 * limit` bytes are kept.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        count += bytes.count
        kept.append(contentsOf: bytes.suffix(limit))
        if kept.count > 2 * limit { kept.removeFirst(kept.count - limit) }
    }

    /// At most `limit` bytes.
    var bytes: ArraySlice<UInt8> { kept.suffix(limit) }

    var isCut: Bool { count > limit }

    /// Without the incomplete character that a cut may leave at the start.
    var text: String {
        let whole = isCut ? bytes.drop { $0 & 0xC0 == 0x80 } : bytes
        return String(decoding: whole, as: UTF8.self)
    }
}
