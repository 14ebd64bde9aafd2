import AsyncHTTPClient
import ControlPorts
import Foundation
import ModelManifests

/// The controller's events as they happen. A lost connection is opened again after the last event. The first connection is not
/// retried: if nothing answers, the reader gets the error at once.
///
/// The reader pulls events: between two calls of `next`, nothing runs, and only the result of one read is buffered.
package struct EventSubscription: AsyncSequence, Sendable {
    package typealias Element = StoredEvent

    /// How often a lost connection is retried: for about five minutes.
    static let reconnectLimit = 64
    static let shortestPause: Duration = .milliseconds(250)
    static let longestPause: Duration = .seconds(5)

    let client: ControlClient
    let deployment: DeploymentKey?
    let project: String?
    let position: Int?

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(
            client: client, deployment: deployment, project: project, position: position.map(String.init))
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        private let client: ControlClient
        private let deployment: DeploymentKey?
        private let project: String?
        private var position: String?
        private var parser = ServerSentEventParser()
        private var body: HTTPClientResponse.Body.AsyncIterator?
        private var pending: [StoredEvent] = []
        private var hasConnected = false
        private var failures = 0

        init(client: ControlClient, deployment: DeploymentKey?, project: String?, position: String?) {
            self.client = client
            self.deployment = deployment
            self.project = project
            self.position = position
        }

        /// - Throws: `ControlClientError`, `ControlError`, or `CancellationError`.
        package mutating func next() async throws -> StoredEvent? {
            while true {
                if !pending.isEmpty { return pending.removeFirst() }
                try Task.checkCancellation()
                if body == nil { try await connect() } else { try await read() }
            }
        }

        private mutating func connect() async throws {
            do {
                body = try await client.openEventStream(of: deployment, project: project, after: position)
                    .makeAsyncIterator()
                parser = ServerSentEventParser()
                hasConnected = true
            } catch let error as ControlClientError {
                guard case .unreachable = error, hasConnected, failures < EventSubscription.reconnectLimit else {
                    throw error
                }
                try await pause()
            }
        }

        private mutating func read() async throws {
            let chunk: [UInt8]?
            do {
                chunk = try await body?.next().map { Array($0.readableBytesView) }
            } catch {
                if Task.isCancelled { throw CancellationError() }
                chunk = nil  // The connection was lost. `connect` reports it if the controller is gone.
            }
            guard let chunk else {
                body = nil
                try await pause()
                return
            }
            failures = 0
            for event in try parser.feed(chunk) {
                pending.append(try APICoding.decode(StoredEvent.self, from: Data(event.data.utf8)))
            }
            position = parser.lastEventId ?? position
        }

        private mutating func pause() async throws {
            let doublings = Swift.min(failures, 8)
            failures += 1
            try await Task.sleep(
                for: Swift.min(EventSubscription.shortestPause * (1 << doublings), EventSubscription.longestPause))
        }
    }
}
