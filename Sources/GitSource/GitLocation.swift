import Foundation

/// Where a repository is, in a form that is safe to hand to the git program.
///
/// Plain paths, `file:`, `https:`, `ssh:` and `user@host:path` are understood; every other transport is refused, and so
/// is whatever git or ssh would read as an option. A password in an `https:` address is taken out of it: it goes to git
/// through the environment, and never onto a command line or into a message.
public struct GitLocation: Hashable, Sendable, CustomStringConvertible {
    public enum Transport: String, Hashable, Sendable { case file, https, ssh }

    static let maximumAddressLength = 4096

    public let transport: Transport
    /// What git is given: an absolute path, or an address without a password.
    public let address: String
    /// `user:password`, for `https:`.
    let credentials: String?
    /// What must not be seen by anyone.
    private let secrets: [String]
    public let description: String

    /// - Parameter base: what a relative path is relative to.
    /// - Throws: `GitError` with `invalidConfiguration`.
    public init(_ text: String, base: String = FileManager.default.currentDirectoryPath) throws(GitError) {
        let safe = Redaction.withoutUserInfo(text)
        func refuse(_ reason: String) -> GitError {
            GitError(.invalidConfiguration, "The repository address '\(safe)' cannot be used: \(reason).")
        }
        guard !text.isEmpty else {
            throw refuse("it is empty; give a path, or an https: or ssh: address")
        }
        guard text.utf8.count <= Self.maximumAddressLength else { throw refuse("it is too long") }
        guard !text.hasPrefix("-") else { throw refuse("it starts with '-'; write './\(safe)' if it is a folder") }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw refuse("it holds control characters")
        }
        switch Self.shape(of: text) {
        case .path:
            (transport, address, credentials, secrets) = (.file, Self.absolute(text, base: base), nil, [])
        case .url(scheme: "file", let rest):
            guard let path = Self.path(ofFileURL: rest) else {
                throw refuse("write it as file:///absolute/path")
            }
            (transport, address, credentials, secrets) = (.file, Self.absolute(path, base: base), nil, [])
        case .url(scheme: "https", let rest):
            let parts = Self.authority(of: rest)
            guard !parts.host.isEmpty, !parts.host.hasPrefix("-") else { throw refuse("it names no host") }
            if let user = parts.userInfo, user.contains(":") {
                let decoded = user.removingPercentEncoding ?? user
                credentials = decoded
                secrets = Self.secrets(in: [user, decoded])
                address = "https://\(parts.host)\(parts.path)"
            } else {
                credentials = nil
                secrets = []
                address = text
            }
            transport = .https
        case .url(scheme: "ssh", let rest):
            let parts = Self.authority(of: rest)
            guard !parts.host.isEmpty, !parts.host.hasPrefix("-"), parts.userInfo?.hasPrefix("-") != true else {
                throw refuse("it names no host")
            }
            guard parts.userInfo?.contains(":") != true else {
                throw refuse("ssh takes no password in the address; use a key")
            }
            (transport, address, credentials, secrets) = (.ssh, text, nil, [])
        case .url(let scheme, _):
            throw refuse("'\(scheme):' is not supported; use a path, https: or ssh:")
        case .helper(let name):
            throw refuse("'\(name)::' would run a program; use a path, https: or ssh:")
        case .scpLike(let host, let path):
            guard !host.hasPrefix("-"), !host.isEmpty, !path.isEmpty, !path.hasPrefix("-") else {
                throw refuse("write it as user@host:path")
            }
            (transport, address, credentials, secrets) = (.ssh, text, nil, [])
        }
        description = transport == .file ? address : Redaction.withoutUserInfo(address)
    }

    /// The text without anything that this address keeps secret.
    public func redacted(_ text: String) -> String {
        secrets.reduce(Redaction.withoutUserInfo(text)) { $0.replacingOccurrences(of: $1, with: "***") }
    }

    private enum Shape {
        case path
        case url(scheme: String, rest: Substring)
        case helper(String)
        case scpLike(host: Substring, path: Substring)
    }

    /// As git tells them apart: a colon before the first slash makes it `host:path`, unless `://` or `::` follow a
    /// name.
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

    private static func authority(of rest: Substring) -> (userInfo: String?, host: Substring, path: Substring) {
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = rest[..<end]
        guard let at = authority.lastIndex(of: "@") else { return (nil, authority, rest[end...]) }
        return (String(authority[..<at]), authority[authority.index(after: at)...], rest[end...])
    }

    /// `///a/b`, `/a/b` and `//localhost/a/b`, after `file:`; two slashes are already taken off where there were any.
    private static func path(ofFileURL rest: Substring) -> String? {
        let path = rest.hasPrefix("localhost/") ? rest.dropFirst("localhost".count) : rest
        guard path.hasPrefix("/"), let decoded = path.removingPercentEncoding else { return nil }
        return decoded
    }

    private static func absolute(_ path: String, base: String) -> String {
        let whole = path.hasPrefix("/") ? path : base + "/" + path
        return URL(fileURLWithPath: whole).standardizedFileURL.path
    }

    private static func secrets(in userInfos: [String]) -> [String] {
        let passwords = userInfos.compactMap { text in text.firstIndex(of: ":").map { text[text.index(after: $0)...] } }
        return Array(Set(passwords.filter { !$0.isEmpty }.map(String.init)))
    }
}

enum Redaction {
    /// `scheme://user:password@host` becomes `scheme://***@host`, wherever it stands in the text.
    static func withoutUserInfo(_ text: String) -> String {
        text.replacing(#/(?<scheme>[A-Za-z][A-Za-z0-9+.\-]*:\/\/)[^\s\/'"]*@/#) { "\($0.scheme)***@" }
    }
}
