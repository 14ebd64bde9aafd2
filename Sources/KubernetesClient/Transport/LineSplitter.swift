import Foundation
import NIOCore

/// Splits a stream of pieces into lines. It holds at most one line and one piece.
struct LineSplitter {
    struct TooLong: Error {}

    private let maximumBytes: Int
    private var pending = ByteBuffer()
    /// The number of bytes at the start of `pending` that hold no line end.
    private var searched = 0

    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    mutating func add(_ piece: ByteBuffer) {
        var piece = piece
        if pending.readableBytes == 0 {
            pending = piece
        } else {
            pending.discardReadBytes()
            pending.writeBuffer(&piece)
        }
    }

    /// The next whole line, without its line end. Skips empty lines.
    /// - Throws: `TooLong`
    mutating func next() throws -> Data? {
        while true {
            let view = pending.readableBytesView
            guard let end = view[(view.startIndex + searched)...].firstIndex(of: UInt8(ascii: "\n")) else {
                searched = view.count
                guard searched <= maximumBytes else { throw TooLong() }
                return nil
            }
            let count = end - view.startIndex
            guard count <= maximumBytes else { throw TooLong() }
            searched = 0
            let line = pending.readBytes(length: count) ?? []
            pending.moveReaderIndex(forwardBy: 1)
            if !line.isEmpty { return Data(line) }
        }
    }

    /// The bytes after the last line end.
    mutating func rest() -> Data? {
        searched = 0
        guard let rest = pending.readBytes(length: pending.readableBytes), !rest.isEmpty else { return nil }
        return Data(rest)
    }
}
