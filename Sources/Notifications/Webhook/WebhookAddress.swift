import Foundation
import SafeText

/// Where a webhook is sent: `https`, or `http` on the loopback. The path may contain a secret, so only `shown` may be
/// displayed.
package struct WebhookAddress: Hashable, Sendable, CustomStringConvertible {
    let url: String
    /// Scheme, host and port.
    package let shown: String

    /// - Throws: a `NotificationError` that says what is wrong with `text`, without repeating it.
    package init(_ text: String) throws {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            let host = parts.host, !host.isEmpty
        else {
            throw NotificationError(
                .invalidAddress, "The webhook's URL is not a valid URL. Write it as https://host/path.")
        }
        let port = parts.port.map { ":\($0)" } ?? ""
        shown = "\(scheme)://\(host)\(port)"
        guard UserInfo.of(text) == nil else {
            throw NotificationError(
                .invalidAddress, "The webhook's URL (\(shown)) \(UserInfo.problem). Leave it out: it is signed.")
        }
        guard scheme == "https" || (scheme == "http" && Self.isLoopback(host)) else {
            throw NotificationError(
                .invalidAddress, "The webhook's URL (\(shown)) must be https; http is for 127.0.0.1 and localhost only."
            )
        }
        url = text
    }

    package var description: String { shown }

    private static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased().trimmingCharacters(in: ["[", "]"])
        if name == "localhost" || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
