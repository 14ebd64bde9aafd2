import Crypto
import Foundation

/// One token, and what it is for.
public struct AccessKey: Hashable, Sendable {
    public var caller: Caller
    let secret: String
    /// Other controllers of the same name have it too: it is given to all of them by files, and not made by one.
    let isShared: Bool

    /// - Throws: `AccessKeyError`, which never repeats the secret.
    public init(_ caller: Caller, secret: String, isShared: Bool = true) throws(AccessKeyError) {
        if let problem = TokenText.problem(with: secret) { throw AccessKeyError(message: problem) }
        self.caller = caller
        self.secret = secret
        self.isShared = isShared
    }
}

/// Why a text cannot be a token.
public struct AccessKeyError: Error, Hashable, CustomStringConvertible {
    public var message: String

    public var description: String { message }
}

/// The tokens that count now.
///
/// Comparing takes the same time whichever token matches and however far: hashes are compared, all of them, to their ends.
public struct AccessKeys: Sendable {
    public static let most = 256

    private struct Entry: Sendable {
        var key: AccessKey
        var hash: SHA256.Digest
    }

    private let entries: [Entry]

    public static let none = AccessKeys([])

    public init(_ keys: [AccessKey]) {
        entries = keys.prefix(Self.most).map { Entry(key: $0, hash: SHA256.hash(data: Data($0.secret.utf8))) }
    }

    public var callers: [Caller] { entries.map(\.key.caller) }

    /// Whose token it is; nil: nobody's.
    func key(matching token: String) -> AccessKey? {
        let hash = SHA256.hash(data: Data(token.utf8))
        var found: AccessKey?
        for entry in entries where entry.hash == hash { found = found ?? entry.key }
        return found
    }

    /// Whose token signed `text`; nil: nobody's.
    func key(signing text: Data, as code: Data) -> AccessKey? {
        var found: AccessKey?
        for entry in entries where RequestSignature.isValid(code, of: text, secret: entry.key.secret) {
            found = found ?? entry.key
        }
        return found
    }

    /// Whether the caller could come with the same rights again.
    func includes(_ caller: Caller) -> Bool { entries.contains { $0.key.caller == caller } }

    /// Somebody else was given one of them.
    public var hasShared: Bool { entries.contains { $0.key.isShared } }

    /// For a caller of this machine, whose request another controller of the same name has to carry out.
    var shared: AccessKey? { entries.first { $0.key.isShared && $0.key.caller.role == .admin }?.key }
}
