import ControlPorts
import Foundation
import Hummingbird
import Logging
import ModelManifests
import ServiceLifecycle
import Synchronization

/// Sends events as server-sent events to a bounded number of readers.
///
/// # Guarantees
/// - Every event after the reader's position is sent once, in order. Events are read from the store; the live stream only signals
///   that there are new ones. A slow reader therefore costs no memory and misses nothing.
/// - A reader that missed more than `mostMissed` events gets the newest of them, after a comment that says so.
/// - A stream ends when the reader disconnects, when its token or its browser's session is no longer valid, when the controller stops, or on a graceful
///   shutdown.
/// - The readers of one caller never take all seats.
final class EventStreams: Sendable {
    static let readerLimit = 512
    static let readersOfCaller = 32
    static let mostMissed = 10_000
    private static let page = 256

    private let heartbeat: Duration
    private let seats = Mutex(EventStreamQuota(ofCaller: readersOfCaller, ofAll: readerLimit))

    init(heartbeat: Duration) {
        self.heartbeat = heartbeat
    }

    /// - Parameters:
    ///   - position: the id of the last event that the reader has seen; nil starts with new events.
    ///   - isAllowed: whether what identified the reader is still valid: asked again before each event.
    /// - Throws: `ControlError` with code `unavailable` if there are too many readers.
    func response(
        to request: Request, from surface: AuthorizedSurface, deployment: DeploymentKey?, project: String?,
        after position: Int?, logger: Logger, isAllowed: @escaping @Sendable () -> Bool
    ) throws -> Response {
        let caller = surface.caller.name
        if let full = seats.withLock({ $0.take(caller) }) {
            throw ControlError(
                .unavailable, "\(full); close one, or send the request without 'Accept: text/event-stream'")
        }
        let seat = Seat { [self] in seats.withLock { $0.leave(caller) } }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                defer { seat.leave() }
                do {
                    try await self.send(
                        to: &writer, of: request, from: surface, deployment: deployment, project: project,
                        after: position, isAllowed: isAllowed)
                } catch is CancellationError {
                    logger.debug("an event stream was cancelled")
                }
                try await writer.finish(nil)
            })
    }

    /// Frees the seat when the stream ends, or when the response is dropped before it was written.
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
        to writer: inout any ResponseBodyWriter, of request: Request, from surface: AuthorizedSurface,
        deployment: DeploymentKey?, project: String?, after position: Int?, isAllowed: @Sendable () -> Bool
    ) async throws {
        let (signals, continuation) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(1))
        let live = try await surface.eventStream()
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
                    try await start(&unread, from: surface, at: position, writer: &writer)
                    for await signal in signals {
                        guard isAllowed() else { break }
                        let news = try await news(from: surface, after: &unread)
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

    /// Sends the reader's position, then the events that it missed.
    private func start(
        _ unread: inout EventFilter, from surface: AuthorizedSurface, at position: Int?,
        writer: inout any ResponseBodyWriter
    ) async throws {
        if let position {
            unread.afterId = position
        } else {
            unread.afterId = try await surface.events(matching: EventFilter(), limit: 1).first?.id ?? 0
        }
        let opening = ServerSentEvent.position(unread.afterId ?? 0)
        try await writer.write(ByteBuffer(string: opening + news(from: surface, after: &unread)))
    }

    private func news(from surface: AuthorizedSurface, after unread: inout EventFilter) async throws -> String {
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

/// Limits how many clients follow events: per caller and in total. Pure.
struct EventStreamQuota: Equatable {
    let ofCaller: Int
    let ofAll: Int
    private var taken: [String: Int] = [:]
    private var takenCount = 0

    init(ofCaller: Int, ofAll: Int) {
        self.ofCaller = ofCaller
        self.ofAll = ofAll
    }

    /// - Returns: why there is no room; nil if a seat was taken.
    mutating func take(_ caller: String) -> String? {
        let own = taken[caller, default: 0]
        guard own < ofCaller else { return "'\(caller)' already has \(own) event streams" }
        guard takenCount < ofAll else { return "there are already \(takenCount) event streams" }
        taken[caller] = own + 1
        takenCount += 1
        return nil
    }

    mutating func leave(_ caller: String) {
        guard let own = taken[caller] else { return }
        taken[caller] = own > 1 ? own - 1 : nil
        takenCount -= 1
    }
}
