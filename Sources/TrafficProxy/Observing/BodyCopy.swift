import NIOCore

/// A message's body as it came, framing included, copied while it streams through: up to a bound, or not at all.
///
/// It lives on the event loop; what it copied leaves as `CopiedBody`.
final class BodyCopy {
    let form: BodyForm
    private let bytesMax: Int
    private let budget: CopyBudget
    private var bytes = ByteBuffer()
    private var fault: Unseen?

    init(_ form: BodyForm, bytesMax: Int, budget: CopyBudget) {
        self.form = form
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

    /// Nothing more is wanted of it: its declared length is over the bound, say.
    func giveUp(_ why: Unseen) {
        guard fault == nil else { return }
        fault = why
        budget.give(bytes.readableBytes)
        bytes = ByteBuffer()
    }

    /// The body is whole: it can be passed on as it came, whatever its coding.
    var verbatim: ByteBuffer? { fault == nil ? bytes : nil }

    /// The body is whole: it can be read.
    var readable: CopiedBody {
        if let fault { return .unseen(fault) }
        return form.coding == .other ? .unseen(.compressed) : .bytes(bytes, form, bytesMax: bytesMax)
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
