import Foundation
import Synchronization
import Testing

@testable import ControlAPI

@Suite("A browser's session")
struct BrowserSessionsTests {
    private static let viewer = Caller(name: "board", role: .viewer)

    private func key(_ role: AccessRole = .viewer, secret: String = Tokens.viewer) throws -> AccessKey {
        try AccessKey(Caller(name: "board", role: role), secret: secret)
    }

    private func sessions(
        _ keys: [AccessKey], now: @escaping @Sendable () -> Date = { Date(timeIntervalSince1970: 1_000_000) }
    ) -> (BrowserSessions, TokenRegistry) {
        let register = TokenRegistry(AccessKeys(keys))
        return (BrowserSessions(register: register, now: now), register)
    }

    @Test("is known by its cookie, which does not contain the token")
    func known() throws {
        let (sessions, _) = sessions([try key()])
        let cookie = sessions.cookie(of: sessions.begin(Self.viewer, key: try key()))
        let holder = try #require(sessions.holder(of: cookie))
        #expect(holder.caller == Self.viewer && holder.key?.secret == Tokens.viewer)
        let payload = try #require(Base64URL.decode(cookie.split(separator: ".")[0]))
        #expect(!String(decoding: payload, as: UTF8.self).contains(Tokens.viewer))
        let local = sessions.cookie(of: sessions.begin(.localUser("root"), key: nil))
        #expect(sessions.holder(of: local)?.caller.role == .admin)
    }

    @Test("cannot be forged: a changed cookie, one of another controller, and other texts are refused")
    func forged() throws {
        let (sessions, _) = sessions([try key()])
        let cookie = sessions.cookie(of: sessions.begin(Self.viewer, key: try key()))
        let parts = cookie.split(separator: ".").map(String.init)
        let text = "id\n\n99999999999\nlocal:root"
        let made = Base64URL.encode(Data(text.utf8))
        for forged in [
            "", ".", "a.b", parts[0], parts[0] + ".", "\(made).\(parts[1])", cookie + "A", "A" + cookie,
            parts[0] + "." + String(parts[1].reversed()), cookie + "." + parts[1], String(repeating: "a", count: 9999),
        ] {
            #expect(sessions.holder(of: forged) == nil, "\(forged)")
        }
        let (others, _) = self.sessions([try key()])
        #expect(others.holder(of: cookie) == nil)
        // A form's token is no cookie, and not the other way round.
        let session = try #require(sessions.holder(of: cookie)).session
        #expect(sessions.holder(of: "\(parts[0]).\(sessions.formToken(of: session))") == nil)
    }

    @Test("ends after its time, and when its browser signs out")
    func ends() throws {
        let seconds = Mutex(1_000_000.0)
        let box = Box(seconds)
        let (sessions, _) = sessions([try key()]) { Date(timeIntervalSince1970: box.value) }
        let session = sessions.begin(Self.viewer, key: try key())
        let cookie = sessions.cookie(of: session)
        box.value += Double(BrowserSessions.lifeSeconds - 1)
        #expect(sessions.holder(of: cookie) != nil)
        box.value += 1
        #expect(sessions.holder(of: cookie) == nil)
        box.value = 1_000_000
        sessions.end(session)
        #expect(sessions.holder(of: cookie) == nil)
        for _ in 0..<BrowserSessions.mostEnded { sessions.end(sessions.begin(Self.viewer, key: nil)) }
    }

    private final class Box: Sendable {
        private let seconds: Mutex<Double>
        init(_ seconds: consuming Mutex<Double>) { self.seconds = seconds }
        var value: Double {
            get { seconds.withLock { $0 } }
            set { seconds.withLock { $0 = newValue } }
        }
    }

    @Test("has the rights that its token has now, and ends with the token")
    func rights() throws {
        let (sessions, register) = sessions([try key()])
        let cookie = sessions.cookie(of: sessions.begin(Self.viewer, key: try key()))
        register.replace(AccessKeys([try key(.operator)]))
        #expect(sessions.holder(of: cookie)?.caller.role == .operator)
        register.replace(AccessKeys([try key(secret: Tokens.admin)]))
        #expect(sessions.holder(of: cookie) == nil)
        register.replace(.none)
        #expect(sessions.holder(of: cookie) == nil)
    }

    @Test("a form's token belongs to one session")
    func formTokens() throws {
        let (sessions, _) = sessions([try key()])
        let (one, other) = (sessions.begin(Self.viewer, key: try key()), sessions.begin(Self.viewer, key: try key()))
        let token = sessions.formToken(of: one)
        #expect(sessions.isFormToken(token, of: one) && !sessions.isFormToken(token, of: other))
        for wrong in [nil, "", "x", String(token.dropLast())] { #expect(!sessions.isFormToken(wrong, of: one)) }
    }

    @Test("its cookie cannot be read by scripts, is not sent from other sites, and has a name for each port")
    func cookie() {
        let plain = BrowserCookie.name(authority: "127.0.0.1:8090", isSecure: false)
        #expect(plain == "mlctl-session-8090" && BrowserCookie.name(authority: nil, isSecure: false) == "mlctl-session")
        #expect(BrowserCookie.name(authority: "[::1]:8091", isSecure: true) == "__Secure-mlctl-session-8091")
        let text = BrowserCookie.setting("v", name: plain, isSecure: false, lifeSeconds: 5)
        #expect(text == "mlctl-session-8090=v; HttpOnly; SameSite=Strict; Max-Age=5")
        #expect(BrowserCookie.setting("v", name: plain, isSecure: true, lifeSeconds: 5).hasSuffix("; Secure"))
        #expect(BrowserCookie.value(in: "a=b; mlctl-session-8090=v.w; c=d", name: plain) == "v.w")
        #expect(BrowserCookie.value(in: "xmlctl-session-8090=v; mlctl-session-80=w", name: plain) == nil)
    }
}

@Suite("Signing in")
struct LoginCodesTests {
    @Test("a code works once, and not after its minute; only so many wait")
    func codes() {
        let moment = Mutex(Duration.zero)
        let clock = Moment(moment)
        let codes = LoginCodes(uptime: { clock.value })
        let grant = LoginCodes.Grant(caller: .localUser("root"), key: nil)
        let code = codes.issue(grant) ?? ""
        #expect(
            codes.redeem("x") == nil && codes.redeem(code)?.caller.name == "local:root" && codes.redeem(code) == nil)
        let late = codes.issue(grant) ?? ""
        clock.value = LoginCodes.lifetime
        #expect(codes.redeem(late) == nil)
        for _ in 0..<LoginCodes.most { #expect(codes.issue(grant) != nil) }
        #expect(codes.issue(grant) == nil)
        clock.value = LoginCodes.lifetime * 3
        #expect(codes.issue(grant) != nil)
    }

    private final class Moment: Sendable {
        private let moment: Mutex<Duration>
        init(_ moment: consuming Mutex<Duration>) { self.moment = moment }
        var value: Duration {
            get { moment.withLock { $0 } }
            set { moment.withLock { $0 = newValue } }
        }
    }

    @Test("failures are limited for each peer and for all, and forgotten after a minute")
    func throttle() {
        var throttle = LoginThrottle()
        for _ in 0..<LoginThrottle.mostOfPeer {
            #expect(throttle.wait(of: "a", at: .seconds(1)) == nil)
            throttle.fail("a", at: .seconds(1))
        }
        #expect(
            throttle.wait(of: "a", at: .seconds(11)) == .seconds(50) && throttle.wait(of: "b", at: .seconds(11)) == nil)
        #expect(throttle.wait(of: "a", at: .seconds(61)) == nil)
        for peer in 0..<(LoginThrottle.mostPeers + 10) { throttle.fail("p\(peer)", at: .seconds(100)) }
        #expect(
            throttle.wait(of: "new", at: .seconds(100)) != nil && throttle.wait(of: "new", at: .seconds(160)) == nil)
    }

    @Test("a page to go to afterwards is one of this controller")
    func next() {
        #expect(BrowserPath.next("deployments/a/b?done=pause") == "deployments/a/b?done=pause")
        #expect(BrowserPath.next("?show=problems&q=a%20b") == "?show=problems&q=a%20b")
        for foreign in [
            nil, "", "/", "//evil.example", "https://evil.example", "deployments//evil", "deployments/../../x",
            "?\"><script>",
            "\\evil.example", "javascript:alert(1)", "deployments/a\r\nSet-Cookie: x",
            "?" + String(repeating: "a", count: 600),
        ] {
            #expect(BrowserPath.next(foreign) == "", "\(foreign ?? "nil")")
        }
    }
}

@Suite("A form's body")
struct FormBodyTests {
    private func parse(_ text: String) -> FormBody? { FormBody(parsing: Array(text.utf8)) }

    @Test("is read with its escapes")
    func fields() {
        let form = parse("token=a%2Bb+c&next=&seen=%C3%A9%3d&flag")
        #expect(form?["token"] == "a+b c" && form?["next"] == nil && form?["seen"] == "é=" && form?["x"] == nil)
        #expect(parse("")?.all == [:] && parse("a=1")?.isChecked("a") == true && parse("a=2")?.isChecked("a") == false)
    }

    @Test("is refused where it could mean two things", arguments: ["a=%", "a=%4", "a=%zz", "a=%FF", "a=1&a=2", "%a=1"])
    func refused(text: String) { #expect(parse(text) == nil) }

    @Test("has a limited number of fields")
    func bounded() {
        let most = (0..<FormBody.mostFields).map { "f\($0)=1" }.joined(separator: "&")
        #expect(parse(most) != nil && parse(most + "&one=more") == nil)
    }
}
