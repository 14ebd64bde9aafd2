import AsyncHTTPClient
import ControlPorts
import Foundation
import NIOCore
import Transport

/// Posts each notice as signed JSON. `WebhookRequest` describes the format.
///
/// # Guarantees
/// - At most `1 + retryDelays.count` attempts, each within `timeout`. Connection failures and the statuses 408, 425,
///   429 and 5xx are retried. Any other status that is not 2xx is final. Redirects are not followed.
///
/// # Errors `NotificationError`, or `CancellationError` when the task is cancelled.
package struct WebhookNotifier: Notifier {
    /// The time limit of one attempt, including connecting.
    package static let timeout: Duration = .seconds(10)
    /// The waits between attempts.
    package static let retryDelays: [Duration] = [.seconds(1), .seconds(5), .seconds(25)]

    /// - Returns: the HTTP status of the answer.
    typealias Transport = @Sendable (WebhookRequest) async throws -> Int

    private let address: WebhookAddress
    private let secret: WebhookSecret
    private let now: @Sendable () -> Date
    private let sleep: @Sendable (Duration) async throws -> Void
    private let transport: Transport

    /// - Throws: `NotificationError` if the URL is not valid, or is neither https nor on the loopback.
    package init(
        url: String, secret: WebhookSecret, now: @escaping @Sendable () -> Date = { Date() },
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) throws {
        try self.init(url: url, secret: secret, now: now, sleep: sleep, transport: WebhookTransport.send)
    }

    init(
        url: String, secret: WebhookSecret, now: @escaping @Sendable () -> Date,
        sleep: @escaping @Sendable (Duration) async throws -> Void, transport: @escaping Transport
    ) throws {
        address = try WebhookAddress(url)
        self.secret = secret
        self.now = now
        self.sleep = sleep
        self.transport = transport
    }

    package func notify(_ notice: Notice) async throws {
        var failure = ""
        for delay in [.zero] + Self.retryDelays {
            if delay > .zero { try await sleep(delay) }
            switch try await attempt(notice) {
            case .delivered: return
            case .refused(let status):
                throw NotificationError(.refused, "\(address) answered \(status). \(Self.advice(status))")
            case .failed(let reason): failure = reason
            }
        }
        throw NotificationError(
            .undelivered,
            "The notification was not delivered to \(address) in \(1 + Self.retryDelays.count) attempts: \(failure).")
    }

    enum Outcome: Hashable, Sendable {
        case delivered
        /// A retry cannot help.
        case refused(status: Int)
        /// A retry may help.
        case failed(reason: String)

        init(status: Int) {
            self =
                switch status {
                case 200..<300: .delivered
                case 408, 425, 429, 500...: .failed(reason: "it answered \(status)")
                default: .refused(status: status)
                }
        }
    }

    private func attempt(_ notice: Notice) async throws -> Outcome {
        let request = try WebhookRequest(notice, to: address, secret: secret, sentAt: now())
        do {
            return Outcome(status: try await transport(request))
        } catch {
            // A cancelled request fails with an error of the transport; throw `CancellationError` instead.
            try Task.checkCancellation()
            return .failed(reason: String(describing: error))
        }
    }

    private static func advice(_ status: Int) -> String {
        switch status {
        case 300..<400: "Redirects are not followed: configure the final address."
        case 401, 403: "Check that the receiver uses the same secret."
        case 404, 410: "Check the URL's path."
        default: "See the receiver's log."
        }
    }
}

/// The only place that opens a connection.
enum WebhookTransport {
    /// Never shut down: it lives as long as the process, and closes idle connections.
    private static let client = HTTPClient.careful {
        $0.timeout.connect = .seconds(WebhookNotifier.timeout.components.seconds)
    }

    @Sendable static func send(_ request: WebhookRequest) async throws -> Int {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .POST
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        outgoing.body = .bytes(request.body)
        // The answer's body is not needed: it stays unread, and the connection is closed.
        let answer = try await client.execute(
            outgoing, timeout: .seconds(WebhookNotifier.timeout.components.seconds))
        return Int(answer.status.code)
    }
}
