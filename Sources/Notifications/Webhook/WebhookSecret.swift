import Crypto
import Foundation
import SafeText

/// The key by which a receiver knows that a message is ours. Never shown: not in logs, not in errors, not in dumps.
public struct WebhookSecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Shorter ones are guessed.
    public static let fewestBytes = 16
    public static let mostBytes = 4_096

    private let key: SymmetricKey

    /// - Throws: `NotificationError` where it is too short or too long.
    public init(_ bytes: some ContiguousBytes) throws {
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

    /// The file's bytes, without line ends at its end.
    ///
    /// - Throws: `NotificationError`.
    public init(file path: String) throws {
        guard let file = FileHandle(forReadingAtPath: path),
            // With room for the line end; a larger file is refused by its length.
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
    public init(
        environment name: String, of environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        guard let text = environment[name] else {
            throw NotificationError(.invalidSecret, "The environment has no \(name), the webhook's secret.")
        }
        try self.init(Data(text.utf8))
    }

    /// HMAC-SHA256 in lower-case hex.
    func signature(of message: some DataProtocol) -> String {
        HMAC<SHA256>.authenticationCode(for: message, using: key)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    public var description: String { "(secret)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
