import Foundation
import SafeText

/// The address of a source: http or https, without credentials.
package struct SourceAddress: Hashable, Sendable, CustomStringConvertible {
    /// As written, without trailing slashes.
    package let base: String
    package let isEncrypted: Bool
    package let isLoopback: Bool

    /// - Parameters:
    ///   - text: may hold placeholders after the host.
    ///   - credentialAdvice: what to write instead of credentials.
    /// - Throws: `SourceSettings.Fault`.
    init(_ text: String, credentialAdvice: String) throws {
        guard UserInfo.of(text) == nil else {
            throw SourceSettings.Fault("\(UserInfo.problem); \(credentialAdvice)", at: "url")
        }
        // Braces and blanks are not allowed in a URL, so they are removed for this check.
        let plain = text.replacing("{{", with: "").replacing("}}", with: "").replacing(" ", with: "")
        guard let parts = URLComponents(string: plain), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = parts.host, !host.isEmpty
        else {
            throw SourceSettings.Fault(
                "must be http:// or https:// and a host, such as http://127.0.0.1:9090", at: "url")
        }
        guard parts.fragment == nil else { throw SourceSettings.Fault("must not contain a #fragment", at: "url") }
        guard !text.drop(while: { $0 != ":" }).dropFirst(3).prefix(while: { $0 != "/" }).contains("{{") else {
            throw SourceSettings.Fault(
                "placeholders are allowed only after the host, because credentials are sent to that host", at: "url")
        }
        isEncrypted = scheme == "https"
        isLoopback = Self.isLoopback(host)
        base = String(text.trimmingSuffix("/"))
    }

    package var description: String { base }

    private static func isLoopback(_ host: String) -> Bool {
        let name = host.lowercased().trimmingCharacters(in: ["[", "]"])
        if name == "localhost" || name == "::1" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> Substring {
        var trimmed = self[...]
        while trimmed.last == character { trimmed.removeLast() }
        return trimmed
    }
}
