import NIOCore

/// A copy of a message's body, including its framing, made while it streams through. Limited in size: beyond the limit nothing is
/// kept.
///
/// It is used on the event loop only. The result leaves the loop as `CopiedBody`.
final class BodyCopy {
    let form: BodyForm
    private let bytesMax: Int
    private let budget: CopyBudget
    private var bytes = ByteBuffer()
    private var fault: MissingValueReason?

    init(_ form: BodyForm, bytesMax: Int, budget: CopyBudget) {
        self.form = form
        self.bytesMax = bytesMax
        self.budget = budget
    }

    deinit { budget.give(bytes.readableBytes) }

    var isTooLarge: Bool { fault == .tooLarge }

    /// Whether the copy was abandoned.
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

    /// Appends the first bytes of the buffer and removes them from it.
    func append(_ buffer: inout ByteBuffer, _ count: Int) {
        buffer.withUnsafeReadableBytes { append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        buffer.moveReaderIndex(forwardBy: count)
    }

    /// Abandons the copy, for example because the declared length is over the limit.
    func giveUp(_ why: MissingValueReason) {
        guard fault == nil else { return }
        fault = why
        budget.give(bytes.readableBytes)
        bytes = ByteBuffer()
    }

    /// The complete body, unchanged. It can be forwarded whatever its coding.
    var verbatim: ByteBuffer? { fault == nil ? bytes : nil }

    /// The complete body, for reading.
    var readable: CopiedBody {
        if let fault { return .unseen(fault) }
        return form.coding == .other ? .unseen(.compressed) : .bytes(bytes, form, bytesMax: bytesMax)
    }
}

/// Limits the copied bytes of the whole data plane at one time: a burst of large bodies loses copies, but does not use more
/// memory.
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
