import Crypto
import Foundation
import SafeText

/// The key by which a receiver verifies that mlctl sent a message. It never appears in logs, errors or dumps.
package struct WebhookSecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Shorter secrets can be guessed.
    package static let fewestBytes = 16
    package static let mostBytes = 4_096

    private let key: SymmetricKey

    /// - Throws: `NotificationError` if it is too short or too long.
    package init(_ bytes: some ContiguousBytes) throws {
        let key = SymmetricKey(data: bytes)
        guard (Self.fewestBytes...Self.mostBytes).contains(key.bitCount / 8) else {
            throw NotificationError(
                .invalidSecret,
                "The webhook's secret has \(key.bitCount / 8) bytes. "
                    + "It must have \(Self.fewestBytes) to \(Self.mostBytes)."
            )
        }
        self.key = key
    }

    /// The file's bytes, without line breaks at the end.
    ///
    /// - Throws: `NotificationError`.
    package init(file path: String) throws {
        guard let file = FileHandle(forReadingAtPath: path),
            // Two more bytes leave room for a line break at the end. The length check refuses a larger file.
            let bytes = try? file.read(upToCount: Self.mostBytes + 2)
        else {
            throw NotificationError(
                .invalidSecret, "The webhook's secret cannot be read from \(path). Check the path and its permissions.")
        }
        let secret = Data(bytes.reversed().drop { $0 == 0x0A || $0 == 0x0D }.reversed())
        try self.init(secret)
        if let weakness = SecretStrength.weakness(of: String(decoding: secret, as: UTF8.self)) {
            throw NotificationError(
                .invalidSecret, "The webhook's secret in \(path) cannot be used: \(weakness). \(SecretStrength.advice)."
            )
        }
    }

    /// - Throws: `NotificationError`.
    package init(
        environment name: String, of environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        guard let text = environment[name] else {
            throw NotificationError(
                .invalidSecret, "The environment variable \(name), which holds the webhook's secret, is not set.")
        }
        try self.init(Data(text.utf8))
    }

    /// HMAC-SHA256 in lower-case hex.
    func signature(of message: some DataProtocol) -> String {
        Hex.text(HMAC<SHA256>.authenticationCode(for: message, using: key))
    }

    package var description: String { "(secret)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
