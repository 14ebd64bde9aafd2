import NIOCore

/// A message's body as it came, framing included, copied while it streams through: up to a bound, or not at all.
///
/// It lives on the event loop; what it copied leaves as `CopiedBody`.
final class BodyCopy {
    let isChunked: Bool
    private let isCompressed: Bool
    private let bytesMax: Int
    private let budget: CopyBudget
    private var bytes = ByteBuffer()
    private var fault: Unseen?

    init(isChunked: Bool, isCompressed: Bool, bytesMax: Int, budget: CopyBudget) {
        self.isChunked = isChunked
        self.isCompressed = isCompressed
        self.bytesMax = bytesMax
        self.budget = budget
    }

    deinit { budget.give(bytes.readableBytes) }

    var isTooLarge: Bool { fault == .tooLarge }

    /// Nothing more is kept of it.
    var isGivenUp: Bool { fault != nil }

    func append(_ part: UnsafeRawBufferPointer) {
        guard fault == nil, !part.isEmpty else { return }
        if bytes.readableBytes + part.count > bytesMax {
            giveUp(.tooLarge)
        } else if !budget.take(part.count) {
            giveUp(.noRoom)
        } else {
            bytes.writeBytes(part)
        }
    }

    /// Takes the first bytes out of a buffer.
    func append(_ buffer: inout ByteBuffer, _ count: Int) {
        buffer.withUnsafeReadableBytes { append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        buffer.moveReaderIndex(forwardBy: count)
    }

    /// Its length is declared, and over the bound.
    func giveUpAsTooLarge() {
        if fault == nil { giveUp(.tooLarge) }
    }

    private func giveUp(_ fault: Unseen) {
        self.fault = fault
        budget.give(bytes.readableBytes)
        bytes = ByteBuffer()
    }

    /// The body is whole: it can be passed on as it came, whatever its coding.
    var verbatim: ByteBuffer? { fault == nil ? bytes : nil }

    /// The body is whole: it can be read.
    var readable: CopiedBody {
        if let fault { return .unseen(fault) }
        return isCompressed ? .unseen(.compressed) : .bytes(bytes, isChunked: isChunked)
    }
}

/// How much is copied at a time, all of the data plane together: a burst of large bodies costs copies, never memory.
final class CopyBudget {
    private let bytesMax: Int
    private(set) var bytes = 0

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    func take(_ count: Int) -> Bool {
        guard bytes + count <= bytesMax else { return false }
        bytes += count
        return true
    }

    func give(_ count: Int) { bytes -= count }
}

/// Why a value, or a pair of answers, was not seen.
enum Unseen: String, CaseIterable, Hashable, Sendable {
    /// The message ended before its body did.
    case incomplete
    case tooLarge
    case compressed
    /// Too much was copied, or waited to be read, at the time.
    case noRoom
    case notJSON
    /// Nothing is at the path, or a value of another type.
    case noValue
}

/// A copied body on its way off the event loop.
enum CopiedBody: Hashable, Sendable {
    case bytes(ByteBuffer, isChunked: Bool)
    case unseen(Unseen)

    var byteCount: Int {
        if case .bytes(let bytes, _) = self { bytes.readableBytes } else { 0 }
    }

    /// Without the framing of chunks.
    /// - Throws: why there is nothing to read.
    func payload() throws(Unseen) -> ByteBuffer {
        switch self {
        case .unseen(let why): throw why
        case .bytes(let bytes, isChunked: false): return bytes
        case .bytes(let bytes, isChunked: true):
            var payload = ByteBuffer()
            var scanner = ChunkedScanner()
            let progress = bytes.withUnsafeReadableBytes { raw in
                scanner.consume(raw) { payload.writeBytes(UnsafeRawBufferPointer(rebasing: raw[$0])) }
            }
            guard case .done = progress else { throw .incomplete }
            return payload
        }
    }
}

extension Unseen: Error {}

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
        if case .length(let length) = head.body, length > bytesMax { body.giveUpAsTooLarge() }
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
