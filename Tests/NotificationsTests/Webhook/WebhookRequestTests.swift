import ControlPorts
import Foundation
import Rollouts
import Testing

@testable import Notifications

@Suite("A webhook's request")
struct WebhookRequestTests {
    private let secret: WebhookSecret
    private let address: WebhookAddress

    init() throws {
        secret = try WebhookSecret(Data("0123456789abcdef".utf8))
        address = try WebhookAddress("https://hooks.example.com/T0/B1?x=1")
    }

    @Test("is exactly this text, signed over timestamp and body")
    func exact() throws {
        let request = try WebhookRequest(
            .rolledBack(), to: address, secret: secret, sentAt: Date(timeIntervalSince1970: 1_795_167_000.9))
        #expect(request.url == "https://hooks.example.com/T0/B1?x=1")
        #expect(
            String(decoding: request.body, as: UTF8.self) == """
                {"at":"2026-11-20T09:30:00.250Z","commit":"c0ffee",\
                "deployment":{"name":"fraud","namespace":"payments"},\
                "gates":[{"name":"errors","reason":"0.2 > 0.01","samples":120,"verdict":"fail"}],"id":42,\
                "kind":"rolledBack","message":"rolled back: errors","reason":"rolledBack","revision":"0123456789",\
                "version":"3"}
                """)
        // Python: hmac.new(b"0123456789abcdef", b"1795167000." + body, "sha256").hexdigest()
        #expect(
            request.headers.map { "\($0.name): \($0.value)" } == [
                "Content-Type: application/json",
                "User-Agent: mlctl",
                "X-Mlctl-Event: rolledBack",
                "X-Mlctl-Delivery: 42",
                "X-Mlctl-Timestamp: 1795167000",
                "X-Mlctl-Signature: sha256=e24489d534ce950386a4dd2c8d5e26ef8270dfb66285de2e4fc58250e13345d6",
            ])
    }

    @Test("has null for missing values, and leaves no key out")
    func nulls() throws {
        var notice = Notice.rolledBack()
        notice.kind = .stuck
        notice.event.event = RolloutEvent(at: notice.event.event.at, kind: .stuck, message: "no traffic")
        let request = try WebhookRequest(notice, to: address, secret: secret, sentAt: Date())
        #expect(
            String(decoding: request.body, as: UTF8.self) == """
                {"at":"2026-11-20T09:30:00.250Z","commit":null,"deployment":{"name":"fraud","namespace":"payments"},\
                "gates":[],"id":42,"kind":"stuck","message":"no traffic","reason":"stuck","revision":null,\
                "version":null}
                """)
    }

    @Test("has another signature for another time, another body and another secret")
    func signatures() throws {
        func signature(_ notice: Notice, _ secret: WebhookSecret, at seconds: Double) throws -> String? {
            try WebhookRequest(notice, to: address, secret: secret, sentAt: Date(timeIntervalSince1970: seconds))
                .headers.last?.value
        }
        let other = try WebhookSecret(Data("fedcba9876543210".utf8))
        let signatures = try [
            signature(.rolledBack(), secret, at: 1), signature(.rolledBack(), secret, at: 2),
            signature(.rolledBack(id: 43), secret, at: 1), signature(.rolledBack(), other, at: 1),
        ]
        #expect(Set(signatures).count == 4)
        #expect(try signature(.rolledBack(), secret, at: 1) == signatures[0])
    }
}
