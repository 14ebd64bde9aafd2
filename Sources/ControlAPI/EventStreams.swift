import Controller
import Foundation
import Hummingbird
import Logging
import ModelManifests
import ServiceLifecycle
import Synchronization

/// Events as server-sent events, to a bounded number of readers.
///
/// # Guarantees
/// - Every event after the reader's position is sent once, in order. What is sent comes from the store; the live stream
///   only says when to look, so that a slow reader costs no memory and misses nothing.
/// - A reader that was away for more than `mostMissed` events gets the newest of them, after a comment that says so.
/// - A stream ends when the reader leaves, when the controller stops, or on a graceful shutdown.
final class EventStreams: Sendable {
    static let readerLimit = 64
    static let mostMissed = 10_000
    private static let page = 256

    let surface: any ControlSurface
    let heartbeat: Duration
    private let readers = Mutex(0)

    init(surface: any ControlSurface, heartbeat: Duration) {
        self.surface = surface
        self.heartbeat = heartbeat
    }

    /// - Parameter position: the last id that the reader has seen; nil: from now on.
    /// - Throws: `ControlError` with code `unavailable` where there are readers enough.
    func response(
        to request: Request, deployment: DeploymentKey?, project: String?, after position: Int?, logger: Logger
    ) throws -> Response {
        let isFree = readers.withLock { readers in
            guard readers < Self.readerLimit else { return false }
            readers += 1
            return true
        }
        guard isFree else {
            throw ControlError(
                .unavailable,
                "\(Self.readerLimit) readers follow the events already; close one, or ask without "
                    + "'Accept: text/event-stream'")
        }
        let seat = Seat { [self] in readers.withLock { $0 -= 1 } }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                defer { seat.leave() }
                do {
                    try await self.send(
                        to: &writer, of: request, deployment: deployment, project: project, after: position)
                } catch is CancellationError {
                    logger.debug("an event stream was cancelled")
                }
                try await writer.finish(nil)
            })
    }

    /// Given back when the stream ends, or when the response was dropped without being written.
    private final class Seat: Sendable {
        private let giveBack: @Sendable () -> Void
        private let isTaken = Mutex(true)

        init(giveBack: @escaping @Sendable () -> Void) { self.giveBack = giveBack }

        deinit { leave() }

        func leave() {
            let wasTaken = isTaken.withLock { isTaken in
                defer { isTaken = false }
                return isTaken
            }
            if wasTaken { giveBack() }
        }
    }

    private enum Signal: Sendable { case event, heartbeat }

    private func send(
        to writer: inout any ResponseBodyWriter, of request: Request, deployment: DeploymentKey?, project: String?,
        after position: Int?
    ) async throws {
        let (signals, continuation) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(1))
        let live = await surface.eventStream()
        try await request.body.consumeWithInboundCloseHandler { _ in
            try await withGracefulShutdownHandler {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask {
                        for await event in live where deployment == nil || event.deployment == deployment {
                            continuation.yield(.event)
                        }
                        continuation.finish()
                    }
                    group.addTask { [heartbeat] in
                        while true {
                            try await Task.sleep(for: heartbeat)
                            continuation.yield(.heartbeat)
                        }
                    }
                    var unread = EventFilter(deployment: deployment, project: project)
                    try await start(&unread, at: position, writer: &writer)
                    for await signal in signals {
                        let news = try await news(after: &unread)
                        if !news.isEmpty {
                            try await writer.write(ByteBuffer(string: news))
                        } else if signal == .heartbeat {
                            try await writer.write(ByteBuffer(string: ServerSentEvent.heartbeat))
                        }
                    }
                }
            } onGracefulShutdown: {
                continuation.finish()
            }
        } onInboundClosed: {
            continuation.finish()
        }
    }

    /// Says where the reader stands, then what it has missed.
    private func start(
        _ unread: inout EventFilter, at position: Int?, writer: inout any ResponseBodyWriter
    ) async throws {
        if let position {
            unread.afterId = position
        } else {
            unread.afterId = try await surface.events(matching: EventFilter(), limit: 1).first?.id ?? 0
        }
        let opening = ServerSentEvent.position(unread.afterId ?? 0)
        try await writer.write(ByteBuffer(string: opening + news(after: &unread)))
    }

    private func news(after unread: inout EventFilter) async throws -> String {
        var limit = Self.page
        var newestFirst = try await surface.events(matching: unread, limit: limit)
        while newestFirst.count == limit, limit < Self.mostMissed {
            limit = min(limit * 4, Self.mostMissed)
            newestFirst = try await surface.events(matching: unread, limit: limit)
        }
        guard let newest = newestFirst.first else { return "" }
        unread.afterId = newest.id
        var text = newestFirst.count == Self.mostMissed ? ": older events were left out\n\n" : ""
        for event in newestFirst.reversed() {
            let data = try APICoding.encode(event)
            text +=
                ServerSentEvent(
                    id: String(event.id), event: event.event.kind.rawValue, data: String(decoding: data, as: UTF8.self)
                ).text
        }
        return text
    }
}
