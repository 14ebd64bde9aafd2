import ControlPorts
import Dashboard
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Synchronization

/// Signs browsers in and out.
///
/// # Guarantees
/// - A token is taken from a form only, and never from an address. A code in an address works once, within a minute.
/// - Failed sign-ins are limited (`LoginThrottle`), and logged without what was sent. A right token always works.
/// - GET changes nothing: also a link with a code only shows a form.
struct SessionRoutes: Sendable {
    static let formBytes = 16 * 1024

    let register: TokenRegistry
    let sessions: BrowserSessions
    let codes: LoginCodes
    let pages: DashboardPages
    let isSecure: Bool
    private let throttle = Mutexed(LoginThrottle())
    var now: @Sendable () -> Date = { Date() }
    private let start = ContinuousClock.now

    init(
        register: TokenRegistry, sessions: BrowserSessions, codes: LoginCodes, pages: DashboardPages, isSecure: Bool
    ) {
        self.register = register
        self.sessions = sessions
        self.codes = codes
        self.pages = pages
        self.isSecure = isSecure
    }

    func add(to router: Router<ControlContext>) {
        router.get(RouterPath(BrowserPath.login)) { request, context in
            let query = DashboardRoutes.parameters(request)
            return page(
                context,
                LoginPage(
                    code: query["code"].flatMap { $0.isEmpty ? nil : $0 }, next: BrowserPath.next(query["next"]),
                    isExposed: isExposed(context)))
        }
        router.post(RouterPath(BrowserPath.login)) { request, context in try await signIn(request, context) }
        router.post(RouterPath(BrowserPath.logout)) { request, context in
            let form = try await Self.form(request)
            guard case .session(let holder) = context.proof,
                sessions.isFormToken(form["csrf"], of: holder.session), request.headers[.origin] != nil
            else { throw AccessError("this form is not from a page of this controller: load the page again") }
            sessions.end(holder.session)
            var response = PageAnswers.goTo("login")
            response.headers[.setCookie] = BrowserCookie.setting(
                "", name: cookieName(request), isSecure: isSecure, lifeSeconds: 0)
            return response
        }
        router.get(RouterPath("\(BrowserPath.assets):name")) { request, context in
            guard let file = context.parameters.get("name").flatMap({ DashboardAssets.file(named: $0) }) else {
                throw HTTPError(.notFound)
            }
            let version = DashboardRoutes.parameters(request)["v"]
            return PageAnswers.asset(file, isVersioned: version == DashboardAssets.version)
        }
    }

    private func signIn(_ request: Request, _ context: ControlContext) async throws -> Response {
        let peer = PeerName.of(context.channel.remoteAddress)
        let form = try await Self.form(request)
        let next = BrowserPath.next(form["next"])
        switch grant(form) {
        case .success(let grant):
            context.logger.info("a browser signed in", metadata: ["caller": "\(grant.caller.name)", "peer": "\(peer)"])
            let session = sessions.begin(grant.caller, key: grant.key)
            var response = PageAnswers.goTo("./\(next)")
            response.headers[.setCookie] = BrowserCookie.setting(
                sessions.cookie(of: session), name: cookieName(request), isSecure: isSecure,
                lifeSeconds: BrowserSessions.lifeSeconds)
            return response
        case .failure(let refusal): return refused(refusal, next, peer, context)
        }
    }

    /// Only failures are limited: behind a reverse proxy all people are one peer, and nobody may lock out those who know a token.
    /// Tokens are too long to be guessed; the limit keeps the log short.
    private func refused(_ refusal: Refusal, _ next: String, _ peer: String, _ context: ControlContext) -> Response {
        let moment = ContinuousClock.now - start
        guard let wait = throttle.with({ $0.wait(of: peer, at: moment) }) else {
            throttle.with { $0.fail(peer, at: moment) }
            context.logger.warning("a browser could not sign in", metadata: ["peer": "\(peer)"])
            return page(
                context, LoginPage(next: next, refusal: refusal.text, isExposed: isExposed(context)), .forbidden)
        }
        let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
        var response = page(
            context,
            LoginPage(
                next: next, refusal: "\(refusal.text) Too many sign-ins have failed: try again in \(seconds) s.",
                isExposed: isExposed(context)), .tooManyRequests)
        if let name = HTTPField.Name("retry-after") { response.headers[name] = "\(seconds)" }
        return response
    }

    private struct Refusal: Error { var text: String }

    private func grant(_ form: FormBody) -> Result<LoginCodes.Grant, Refusal> {
        let grant: LoginCodes.Grant
        if let code = form["code"] {
            guard let found = codes.redeem(code) else {
                return .failure(
                    Refusal(
                        text: "This link was used, or is older than a minute. Run 'mlctl dashboard' for another one."))
            }
            grant = found
        } else {
            guard let key = form["token"].flatMap({ register.current.key(matching: $0) }) else {
                return .failure(Refusal(text: "This controller does not know the token."))
            }
            grant = LoginCodes.Grant(caller: key.caller, key: key)
        }
        guard grant.caller.role.allows(.look) else {
            return .failure(
                Refusal(text: "The role \(grant.caller.role.rawValue) reads only /metrics: use another token."))
        }
        return .success(grant)
    }

    private func page(
        _ context: ControlContext, _ page: LoginPage, _ status: HTTPResponse.Status = .ok
    ) -> Response {
        PageAnswers.page(
            pages.login(page, in: PageFrame(title: "Sign in", root: "./", viewer: nil, now: now())), status)
    }

    private func cookieName(_ request: Request) -> String {
        BrowserCookie.name(authority: request.head.authority, isSecure: isSecure)
    }

    /// Not encrypted, and from another machine.
    private func isExposed(_ context: ControlContext) -> Bool {
        guard !isSecure, let address = context.channel.remoteAddress?.ipAddress else { return false }
        return !address.hasPrefix("127.") && address != "::1" && !address.hasPrefix("::ffff:127.")
    }

    static func form(_ request: Request) async throws -> FormBody {
        let buffer = try await request.body.collect(upTo: formBytes)
        guard let form = FormBody(parsing: buffer.readableBytesView) else {
            throw ControlError(.invalid, "the body must be a form (application/x-www-form-urlencoded)")
        }
        return form
    }
}

/// A value behind a lock, as a member of a value that is copied.
final class Mutexed<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func with<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { value.withLock { body(&$0) } }
}

/// What a browser gets that is not signed in.
struct BrowserDoor: Sendable {
    let pages: DashboardPages

    /// - Parameter fetchSite: the header Sec-Fetch-Site. A link on another site brings no cookie (SameSite=Strict); loaded again
    ///   from this page, it does.
    func answer(path: String, query: String?, fetchSite: String?, now: Date) -> Response {
        let root = PageFrame.root(from: path)
        let own = String(path.split(separator: "/").last ?? "") + (query.map { "?\($0)" } ?? "")
        if fetchSite == "cross-site" {
            let page = MessagePage(
                title: "One moment", text: "The page is loaded.",
                links: [.init("Continue", to: own.isEmpty ? "./" : own)], reloads: own.isEmpty ? "./" : own)
            return PageAnswers.page(
                pages.message(page, in: PageFrame(title: "mlctl", root: root, viewer: nil, now: now)))
        }
        let wanted = String(path.dropFirst()) + (query.map { "?\($0)" } ?? "")
        let next = BrowserPath.next(wanted)
        return PageAnswers.goTo("\(root)login" + (next.isEmpty ? "" : "?next=\(Self.escaped(next))"))
    }

    /// A form whose session has ended.
    func refusal(path: String, now: Date) -> Response {
        let root = PageFrame.root(from: path)
        let page = MessagePage(
            title: "Your session has ended", text: "Nothing was done. Sign in again, then press the button again.",
            links: [.init("Sign in", to: "\(root)login")])
        return PageAnswers.page(
            pages.message(page, in: PageFrame(title: "Sign in", root: root, viewer: nil, now: now)), .unauthorized)
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("&", with: "%26").replacing("+", with: "%2B").replacing(
            "?", with: "%3F")
    }
}
