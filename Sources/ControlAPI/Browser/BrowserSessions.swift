import Crypto
import Foundation
import Synchronization

/// A signed-in browser.
struct BrowserSession: Hashable, Sendable {
    /// Random; other tokens are derived from it.
    var id: String
    /// The caller's name, as in the audit trail.
    var name: String
    /// Identifies the token that the browser signed in with. Nil for the controller's own user.
    var keyMark: String?
    /// Seconds since 1970.
    var expiresAt: Int
}

/// Issues and verifies the cookies of browsers that are signed in.
///
/// # Guarantees
/// - A cookie names its session, and is authenticated by a key of this process: nobody else can make one, and all end with the
///   controller's process. It does not contain the token.
/// - It ends after `lifeSeconds`, when its browser signs out, and when its token is removed or replaced. The rights are those
///   that the token has at each request.
/// - A form's token belongs to one session, so a page of another site cannot send the form.
final class BrowserSessions: Sendable {
    static let lifeSeconds = 12 * 3600
    /// Sessions that were ended before their time. Beyond that, those that would end first are forgotten.
    static let mostEnded = 4096
    private static let mostBytes = 2048

    private let key = SymmetricKey(size: .bits256)
    private let register: TokenRegistry
    private let now: @Sendable () -> Date
    private let ended = Mutex<[String: Int]>([:])

    init(register: TokenRegistry, now: @escaping @Sendable () -> Date = { Date() }) {
        self.register = register
        self.now = now
    }

    /// Who a session acts for.
    struct Holder: Sendable {
        var session: BrowserSession
        var caller: Caller
        /// Nil for the controller's own user.
        var key: AccessKey?
    }

    /// - Parameter key: the token that was shown; nil for the controller's own user.
    func begin(_ caller: Caller, key: AccessKey?) -> BrowserSession {
        BrowserSession(
            id: Self.random(), name: caller.name, keyMark: key.map(mark), expiresAt: seconds() + Self.lifeSeconds)
    }

    /// The cookie's value.
    func cookie(of session: BrowserSession) -> String {
        let text = [session.id, session.keyMark ?? "", String(session.expiresAt), session.name].joined(separator: "\n")
        let payload = Base64URL.encode(Data(text.utf8))
        return "\(payload).\(code(of: "cookie\n\(payload)"))"
    }

    /// - Returns: nil if the cookie is not of this process, has expired or was ended, or if its token is not valid any more.
    func holder(of cookie: String) -> Holder? { session(of: cookie).flatMap { holder(in: $0) } }

    /// - Returns: nil if the session has expired or was ended, or if its token is not valid any more.
    func holder(in session: BrowserSession) -> Holder? {
        guard session.expiresAt > seconds(), !ended.withLock({ $0.keys.contains(session.id) }) else { return nil }
        guard let wanted = session.keyMark else {
            guard session.name.hasPrefix(Caller.localPrefix) else { return nil }
            return Holder(
                session: session, caller: .localUser(String(session.name.dropFirst(Caller.localPrefix.count))), key: nil
            )
        }
        let found = register.current.first { $0.caller.name == session.name && mark($0) == wanted }
        return found.map { Holder(session: session, caller: $0.caller, key: $0) }
    }

    private func session(of cookie: String) -> BrowserSession? {
        guard cookie.utf8.count <= Self.mostBytes else { return nil }
        let parts = cookie.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, isCode(String(parts[1]), of: "cookie\n\(parts[0])"),
            let payload = Base64URL.decode(parts[0])
        else { return nil }
        let fields = String(decoding: payload, as: UTF8.self)
            .split(separator: "\n", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 4, let expiresAt = Int(fields[2]) else { return nil }
        return BrowserSession(
            id: fields[0], name: fields[3], keyMark: fields[1].isEmpty ? nil : fields[1], expiresAt: expiresAt)
    }

    func end(_ session: BrowserSession) {
        let now = seconds()
        ended.withLock { ended in
            ended[session.id] = session.expiresAt
            guard ended.count > Self.mostEnded else { return }
            ended = ended.filter { $0.value > now }
            while ended.count > Self.mostEnded, let first = ended.min(by: { $0.value < $1.value }) {
                ended[first.key] = nil
            }
        }
    }

    // MARK: Forms

    func formToken(of session: BrowserSession) -> String { code(of: "form\n\(session.id)") }

    func isFormToken(_ text: String?, of session: BrowserSession) -> Bool {
        text.map { isCode($0, of: "form\n\(session.id)") } ?? false
    }

    // MARK: Codes

    private func mark(_ key: AccessKey) -> String { code(of: "token\n\(key.secret)") }

    private func code(of text: String) -> String {
        Base64URL.encode(Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)))
    }

    /// Takes the same time for a wrong code as for the right one.
    private func isCode(_ code: String, of text: String) -> Bool {
        guard let data = Base64URL.decode(code) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(data, authenticating: Data(text.utf8), using: key)
    }

    private func seconds() -> Int { Int(now().timeIntervalSince1970) }

    static func random() -> String {
        SymmetricKey(size: .bits256).withUnsafeBytes { Base64URL.encode(Data($0)) }
    }
}

/// The cookie of a browser's session: its name, and how it is set.
enum BrowserCookie {
    /// Cookies belong to a host and not to a port: the name keeps apart the controllers of one machine.
    static func name(authority: String?, isSecure: Bool) -> String {
        let port = authority.flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
        return (isSecure ? "__Secure-" : "") + "mlctl-session" + (port.map { "-\($0)" } ?? "")
    }

    /// Without a path, a browser sends it to the folder of the page that set it, whatever prefix a proxy has put before.
    static func setting(_ value: String, name: String, isSecure: Bool, lifeSeconds: Int) -> String {
        "\(name)=\(value); HttpOnly; SameSite=Strict; Max-Age=\(lifeSeconds)" + (isSecure ? "; Secure" : "")
    }

    /// The value in a Cookie header.
    static func value(in header: String, name: String) -> String? {
        for pair in header.split(separator: ";").prefix(50) {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == name else { continue }
            return String(parts[1])
        }
        return nil
    }
}
