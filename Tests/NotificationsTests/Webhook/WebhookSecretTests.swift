import Foundation
import Testing

@testable import Notifications

@Suite("A webhook's secret")
struct WebhookSecretTests {
    private let text = "key-of-sixteen-bytes"

    /// Python: hmac.new(b"key-of-sixteen-bytes", b"The quick brown fox jumps over the lazy dog", "sha256")
    private func expectKnown(_ secret: WebhookSecret) {
        #expect(
            secret.signature(of: Data("The quick brown fox jumps over the lazy dog".utf8))
                == "c27ef85b46f3da0de4359d7854ffc333ae887f8f049048936ca87f0700d86520")
    }

    @Test("signs with HMAC-SHA256, in lower-case hex")
    func known() throws { expectKnown(try WebhookSecret(Data(text.utf8))) }

    @Test("comes from a file, without a line break at its end", arguments: ["", "\n", "\r\n"])
    func file(lineEnd: String) throws {
        let path = NSTemporaryDirectory() + "mlctl-secret-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data((text + lineEnd).utf8).write(to: URL(filePath: path))
        expectKnown(try WebhookSecret(file: path))
    }

    @Test("comes from the environment")
    func environment() throws {
        expectKnown(try WebhookSecret(environment: "MLCTL_WEBHOOK_SECRET", of: ["MLCTL_WEBHOOK_SECRET": text]))
    }

    @Test("is refused if it is missing, too short or too long, with its source in the message")
    func refused() throws {
        let missing = #expect(throws: NotificationError.self) { try WebhookSecret(environment: "SECRET", of: [:]) }
        #expect(missing?.code == .invalidSecret)
        #expect(missing?.message.contains("SECRET") == true)
        let noFile = #expect(throws: NotificationError.self) { try WebhookSecret(file: "/nonexistent/secret") }
        #expect(noFile?.message.contains("/nonexistent/secret") == true)
        let short = #expect(throws: NotificationError.self) { try WebhookSecret(Data("hunter2".utf8)) }
        #expect(short?.message.contains("hunter2") == false)
        let endless = #expect(throws: NotificationError.self) { try WebhookSecret(file: "/dev/zero") }
        #expect(endless?.code == .invalidSecret)
    }

    @Test("is not shown by description, debug description or dump")
    func hidden() throws {
        let secret = try WebhookSecret(Data(text.utf8))
        var dumped = ""
        dump(secret, to: &dumped)
        for shown in ["\(secret)", String(reflecting: secret), String(reflecting: [secret]), dumped] {
            #expect(!shown.contains(text))
            #expect(!shown.contains("key"))
        }
    }
}
