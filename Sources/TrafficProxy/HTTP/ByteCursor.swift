/// Copies bytes into memory that is known to be large enough, with one reservation per head.
struct ByteCursor {
    private let base: UnsafeMutableRawPointer
    private(set) var count = 0

    init(_ base: UnsafeMutableRawPointer) { self.base = base }

    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ range: Range<Int>) {
        (base + count).copyMemory(from: bytes + range.lowerBound, byteCount: range.count)
        count += range.count
    }

    @inline(__always)
    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            (base + count).copyMemory(from: start, byteCount: source.count)
        }
        count += bytes.count
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        (base + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    /// Sixteen hexadecimal digits.
    @inline(__always)
    mutating func append(hex word: UInt64) {
        let target = (base + count).assumingMemoryBound(to: UInt8.self)
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - index * 4)) & 0xf
            target[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
        count += 16
    }
}
