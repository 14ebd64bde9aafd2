import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import Transport

/// One complete delivery, before it is sent.
///
/// The body is JSON in UTF-8 with sorted keys; missing values are null:
/// ```json
/// {"at": "2026-11-20T09:30:00.250Z", "commit": "1f0c…", "deployment": {"name": "fraud", "namespace": "payments"},
///  "gates": [{"name": "errors", "reason": "…", "samples": 120, "verdict": "fail"}], "id": 42, "kind": "rolledBack",
///  "message": "…", "reason": "rolledBack", "revision": "0123456789", "version": "3"}
/// ```
/// `kind` is `promoted`, `rolledBack`, `stuck` (a person must act), `degraded` (the deployment serves with less
/// capacity than it should, or not at all) or `available` (it serves again as it should). `reason` is the kind of the
/// event.
///
/// Headers: `X-Mlctl-Event` (the kind), `X-Mlctl-Delivery` (the id: the same for every attempt, so that a receiver can
/// recognise repeated deliveries), `X-Mlctl-Timestamp` (Unix seconds of the attempt), and `X-Mlctl-Signature`:
/// `sha256=` and the HMAC-SHA256 of `timestamp.body`, in hex. A receiver computes the signature again, compares it in
/// constant time, and refuses old timestamps.
struct WebhookRequest: Hashable, Sendable {
    var url: String
    /// In the order in which they are sent.
    var headers: [Header]
    var body: Data

    struct Header: Hashable, Sendable {
        var name: String
        var value: String
    }

    init(_ notice: Notice, to address: WebhookAddress, secret: WebhookSecret, sentAt: Date) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = try encoder.encode(Payload(notice))
        let timestamp = String(Int(sentAt.timeIntervalSince1970.rounded(.down)))
        url = address.url
        self.body = body
        headers = [
            Header(name: "Content-Type", value: "application/json"),
            Header(name: "User-Agent", value: "mlctl"),
            Header(name: "X-Mlctl-Event", value: notice.kind.rawValue),
            Header(name: "X-Mlctl-Delivery", value: String(notice.event.id)),
            Header(name: "X-Mlctl-Timestamp", value: timestamp),
            Header(
                name: "X-Mlctl-Signature", value: "sha256=" + secret.signature(of: Data("\(timestamp).".utf8) + body)),
        ]
    }

    private struct Payload: Encodable {
        var id: Int
        var kind: Notice.Kind
        var deployment: DeploymentKey
        @Nullable var revision: Revision?
        @Nullable var version: String?
        @Nullable var commit: String?
        var message: String
        var reason: RolloutEvent.Kind
        var gates: [GateSummary]
        var at: String

        init(_ notice: Notice) {
            let event = notice.event.event
            id = notice.event.id
            kind = notice.kind
            deployment = notice.deployment
            _revision = Nullable(wrappedValue: event.revision)
            _version = Nullable(wrappedValue: event.version)
            _commit = Nullable(wrappedValue: event.commit)
            message = event.message
            reason = event.kind
            gates = event.evidence
            at = RFC3339.text(event.at)
        }
    }
}
