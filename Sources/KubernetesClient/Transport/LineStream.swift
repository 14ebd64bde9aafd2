import AsyncHTTPClient
import Foundation
import NIOCore
import Synchronization
import Transport

/// The lines of an answer's body. It reads no faster than its caller asks.
///
/// Sendable although its iterator and splitter are not: a reader sets `isBusy` before it touches them and clears it after,
/// a second reader in between is refused, so both are touched by one task at a time. After a read that did not end in time
/// the stream is over, and nobody else touches the iterator.
final class LineStream: @unchecked Sendable {
    struct Idle: Error {}
    struct ReadTwice: Error {}

    private var iterator: HTTPClientResponse.Body.AsyncIterator
    private var splitter: LineSplitter
    private var isOver = false
    private let isBusy = Mutex(false)
    private let stopwatch: ClientClock
    private let idleTimeout: Duration

    init(_ body: HTTPClientResponse.Body, maximumLineBytes: Int, idleTimeout: Duration, stopwatch: ClientClock) {
        iterator = body.makeAsyncIterator()
        splitter = LineSplitter(maximumBytes: maximumLineBytes)
        self.idleTimeout = idleTimeout
        self.stopwatch = stopwatch
    }

    /// - Throws: `Idle` after `idleTimeout` without a byte, `LineSplitter.TooLong`, or the connection's error.
    func next() async throws -> Data? {
        let isFree = isBusy.withLock { busy in
            defer { busy = true }
            return !busy
        }
        guard isFree else { throw ReadTwice() }
        defer { isBusy.withLock { $0 = false } }
        while true {
            if let line = try splitter.next() { return line }
            if isOver { return splitter.rest() }
            do {
                let piece = try await stopwatch.within(idleTimeout) { try await self.readPiece() }
                if let piece { splitter.add(piece) } else { isOver = true }
            } catch {
                // The iterator may be in use by a read that was left behind: nobody reads from it again.
                isOver = true
                throw error is DeadlineExceeded ? Idle() : error
            }
        }
    }

    private func readPiece() async throws -> ByteBuffer? {
        let piece = try await iterator.next()
        // The body of a cancelled call ends early and looks complete.
        try Task.checkCancellation()
        return piece
    }
}
