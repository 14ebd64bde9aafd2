import Foundation
import SafeText

/// The address of a repository, in a form that is safe to pass to git.
///
/// Plain paths, `file:`, `https:`, `ssh:` and `user@host:path` are understood; every other transport is refused, and so
/// is whatever git or ssh would read as an option. An `https:` address that holds a user, a password or a token is refused:
/// those go to git through a descriptor (`CredentialHelper`), and never onto a command line or into a message.
package struct GitLocation: Hashable, Sendable, CustomStringConvertible {
    package enum Transport: String, Hashable, Sendable { case file, https, ssh }

    static let maximumAddressLength = 4096

    package let transport: Transport
    /// The address that git gets and that identifies the repository: an absolute path, or an address without credentials.
    package let address: String
    /// `https://host:port`, the only origin that gets the credentials; nil for paths and ssh.
    let origin: String?
    package let description: String

    /// - Parameter base: the folder that a relative path is relative to.
    /// - Throws: `GitError` with `invalidConfiguration`.
    package init(_ text: String, base: String = FileManager.default.currentDirectoryPath) throws(GitError) {
        let safe = Redaction.whole(text)
        func refuse(_ reason: String) -> GitError {
            GitError(.invalidConfiguration, "The repository address '\(safe)' cannot be used: \(reason).")
        }
        guard !text.isEmpty else {
            throw refuse("it is empty; give a path, or an https: or ssh: address")
        }
        guard text.utf8.count <= Self.maximumAddressLength else { throw refuse("it is too long") }
        guard !text.utf8.starts(with: "-".utf8) else {
            throw refuse("it starts with '-'; write './\(safe)' if it is a folder")
        }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }) else {
            throw refuse("it contains control characters")
        }
        var origin: String?
        switch Self.shape(of: text) {
        case .path:
            (transport, address) = (.file, Self.absolute(text, base: base))
        case .url(scheme: "file", let rest):
            guard let path = Self.path(ofFileURL: rest) else {
                throw refuse("write it as file:///absolute/path")
            }
            (transport, address) = (.file, Self.absolute(path, base: base))
        case .url(scheme: "https", _):
            let parts = try Self.webAddress(text, refuse)
            guard UserInfo.of(text) == nil else {
                throw refuse("it \(UserInfo.problem); \(Self.credentialAdvice)")
            }
            origin = parts.origin
            (transport, address) = (.https, parts.origin + parts.path)
        case .url(scheme: "ssh", _):
            guard let parts = GitAddress(text), parts.hasPlainHost, parts.userInfo?.hasPrefix("-") != true else {
                throw refuse("it does not name a host")
            }
            guard parts.userInfo?.contains(":") != true else {
                throw refuse("an ssh: address must not contain a password; use a key")
            }
            (transport, address) = (.ssh, text)
        case .url(let scheme, _):
            throw refuse("'\(scheme):' is not supported; use a path, https: or ssh:")
        case .helper(let name):
            throw refuse("'\(name)::' would run a program; use a path, https: or ssh:")
        case .scpLike(let host, let path):
            guard !host.hasPrefix("-"), !host.isEmpty, !path.isEmpty, !path.hasPrefix("-") else {
                throw refuse("write it as user@host:path")
            }
            // `user:password@host:path`
            guard path.prefix(while: { $0 != "/" }).firstMatch(of: #/@.*:/#) == nil else {
                throw refuse("an ssh: address must not contain a password; use a key")
            }
            (transport, address) = (.ssh, text)
        }
        self.origin = origin
        description = transport == .ssh ? Redaction.withoutUserInfo(address) : address
    }

    package static let credentialAdvice =
        "take it out, and put it into a file that the project's tokenFile or credentialsFile names, or into git's own "
        + "credential helper"

    private static func webAddress(
        _ text: String, _ refuse: (String) -> GitError
    ) throws(GitError) -> GitAddress {
        guard let parts = GitAddress(text), !parts.host.isEmpty else { throw refuse("it does not name a host") }
        guard parts.hasPlainHost else {
            throw refuse("it does not name a valid host; write '/', '?' and '#' in a password as %2F, %3F and %23")
        }
        guard parts.rest.isEmpty else {
            throw refuse(
                "it has a query, which servers write to their logs. Put a token into a file, and name the file as "
                    + "tokenFile")
        }
        return parts
    }

    /// The address without user, password and query, for labels and hashes. Text that is not an `https:` address is returned
    /// unchanged.
    package static func identity(of text: String) -> String {
        guard text.lowercased().hasPrefix("https://"), let parts = GitAddress(text) else { return text }
        guard parts.userInfo != nil || !parts.rest.isEmpty else { return text }
        return parts.origin + parts.path
    }

    /// The text without the secrets of this address.
    package func redacted(_ text: String) -> String {
        Redaction.withoutUserInfo(text)
    }

    private enum Shape {
        case path
        case url(scheme: String, rest: Substring)
        case helper(String)
        case scpLike(host: Substring, path: Substring)
    }

    /// Uses git's rule: a colon before the first slash makes it `host:path`, unless `://` or `::` follows a scheme name.
    private static func shape(of text: String) -> Shape {
        guard let colon = text.firstIndex(of: ":") else { return .path }
        let head = text[..<colon]
        let tail = text[text.index(after: colon)...]
        guard !head.contains("/") else { return .path }
        let isName =
            head.first?.isLetter == true
            && head.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        if isName, tail.hasPrefix("//") { return .url(scheme: head.lowercased(), rest: tail.dropFirst(2)) }
        if isName, head.lowercased() == "file" { return .url(scheme: "file", rest: tail) }
        if isName, tail.hasPrefix(":") { return .helper(String(head)) }
        return .scpLike(host: head, path: tail)
    }

    /// Parses what follows `file:`: `///a/b`, `/a/b` or `//localhost/a/b`. The caller has already removed two slashes, if there
    /// were any.
    private static func path(ofFileURL rest: Substring) -> String? {
        let path = rest.hasPrefix("localhost/") ? rest.dropFirst("localhost".count) : rest
        guard path.hasPrefix("/"), let decoded = path.removingPercentEncoding else { return nil }
        return decoded
    }

    private static func absolute(_ path: String, base: String) -> String {
        let whole = path.hasPrefix("/") ? path : base + "/" + path
        return URL(fileURLWithPath: whole).standardizedFileURL.path
    }
}

enum Redaction {
    /// Replaces `scheme://user:password@host` by `scheme://***@host` everywhere in the text. It works on scalars and in one pass,
    /// because git's output may be long and the server controls it.
    static func withoutUserInfo(_ text: String) -> String {
        var shown = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let start = rest.firstRange(of: "://".unicodeScalars) {
            shown += rest[..<start.upperBound]
            rest = rest[start.upperBound...]
            let authority = rest.prefix { !$0.properties.isWhitespace && !["/", "'", "\""].contains($0) }
            guard let at = authority.lastIndex(of: "@") else { continue }
            shown += "***@".unicodeScalars
            rest = rest[authority.index(after: at)...]
        }
        return String(shown + rest)
    }

    /// Of `user:password@host:path`, which is no address of ssh's.
    private static func withoutPassword(_ text: String) -> String {
        let head = text.prefix { $0 != "/" }
        guard let colon = head.firstIndex(of: ":"), let at = head.lastIndex(of: "@"), colon < at,
            head[at...].contains(":")
        else { return text }
        return "***\(text[at...])"
    }

    /// Redacts an address that may be malformed: leaves out everything before the last `@`, and everything after a `?` or `#`.
    static func whole(_ text: String) -> String {
        guard let start = text.firstRange(of: "://") else { return Escape.line(withoutPassword(text)) }
        let scheme = text[..<start.upperBound]
        let rest = text[start.upperBound...].unicodeScalars
        let query = rest.firstIndex { $0 == "?" || $0 == "#" } ?? rest.endIndex
        let at = rest.lastIndex(of: "@")
        // The `@` may belong to the query, or the `?` to the password. It cannot be known, so everything is left out.
        if let at, at > query { return Escape.line("\(scheme)***") }
        let shown = Substring(rest[(at.map { rest.index(after: $0) } ?? rest.startIndex)..<query])
        return Escape.line(
            "\(scheme)\(at == nil ? "" : "***@")\(shown)\(query == rest.endIndex ? "" : "?***")")
    }
}
