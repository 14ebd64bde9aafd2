import ControlPorts
import Logging
import Transport

/// A queue between the control loop, which must not wait, and a channel, which may be slow. `notify` takes a notice at
/// once; `run` sends the notices one after the other.
///
/// # Guarantees
/// - `notify` never waits. When `capacity` notices are pending, the oldest is dropped, with a warning.
///
/// # Caveats
/// - Notices that are pending when the process ends are not sent. The journal has their events.
package final class NotificationQueue: Notifier {
    package static let defaultCapacity = 256

    private let channel: any Notifier
    private let logger: Logger
    private let pending: AsyncStream<Notice>
    private let continuation: AsyncStream<Notice>.Continuation

    package init(_ channel: any Notifier, capacity: Int = defaultCapacity, logger: Logger) {
        self.channel = channel
        self.logger = logger
        (pending, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(max(capacity, 1)))
    }

    package func notify(_ notice: Notice) {
        switch continuation.yield(notice) {
        case .dropped(let oldest):
            logger.warning("Too many notifications are pending: the oldest was dropped", metadata: metadata(oldest))
        case .terminated:
            logger.warning("The notification queue is closed: a notification was dropped", metadata: metadata(notice))
        case .enqueued: break
        @unknown default: break
        }
    }

    /// Takes no more notices. `run` sends the pending ones and returns.
    package func finish() { continuation.finish() }

    /// Sends until `finish()`, or until its task is cancelled. Call it once.
    package func run() async {
        for await notice in pending {
            do {
                try await channel.notify(notice)
            } catch {
                var values = metadata(notice)
                values["reason"] = "\((error as? any RetryableError)?.message ?? String(describing: error))"
                logger.warning("Notification was not delivered", metadata: values)
            }
        }
    }

    private func metadata(_ notice: Notice) -> Logger.Metadata {
        [
            "namespace": "\(notice.deployment.namespace)", "name": "\(notice.deployment.name)",
            "kind": "\(notice.kind.rawValue)", "event": "\(notice.event.id)",
        ]
    }
}

/// Why a notification cannot be sent, or was not.
package typealias NotificationError = CodedError<NotificationErrorCode>

package enum NotificationErrorCode: String, ErrorCode {
    case invalidAddress
    case invalidSecret
    /// The receiver will not have it, now or later.
    case refused
    /// Every attempt failed.
    case undelivered

    package var retryClass: RetryClass { self == .undelivered ? .transient : .terminal }
}
