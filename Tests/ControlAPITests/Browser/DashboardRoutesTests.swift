import ControlPorts
import Dashboard
import Foundation
import ModelManifests
import Rollouts
import Serving
import Testing

@testable import ControlAPI

@Suite("The dashboard over HTTP")
struct DashboardRoutesTests {
    static let one = "/deployments/payments/fraud-scorer"
    private static let revision = "bbbbbbbbbb"

    /// With a rollout in its events, and a deployment outside the scope of `Tokens.limited`.
    static func surface() -> ScriptedSurface {
        let surface = ScriptedSurface { state in
            var other = Samples.deployment
            (other.namespace, other.name) = ("secret", "hidden-model")
            state.status = ControllerStatus(sources: [Samples.source], deployments: [Samples.deployment, other])
            state.history = [
                HistoryEntry(
                    revision: Revision(rawValue: revision), version: "3", commit: "1f0c2ab9", startedAt: Samples.now,
                    endedAt: nil, outcome: "candidate", reason: "")
            ]
            state.log = [LogLine(revision: Revision(rawValue: revision), instance: "i-1", text: "<b>line</b>")]
            state.events = [
                StoredEvent(
                    id: 1, deployment: Samples.key,
                    event: RolloutEvent(
                        at: Samples.now, kind: .rolloutStarted, revision: Revision(rawValue: revision), version: "3",
                        message: "version 3 from commit 1f0c2ab9"))
            ]
        }
        return surface
    }

    static let pages =
        [
            "/", "/?show=problems&q=fraud", one, "\(one)/logs", "\(one)/rollouts/\(revision)",
            "\(one)/rollouts/\(revision)/report",
            "\(one)/rollouts/\(revision)/timeline.svg",
        ] + CommandKind.allCases.map { "\(one)/actions/\($0.rawValue)" }

    @Test("without a session every page leads to the sign-in page, and back afterwards")
    func redirects() async throws {
        try await withServer(Self.surface()) { url async throws in
            let visitor = WebVisitor(url: url)
            #expect(try await visitor.get("/").headers["location"] == "./login")
            let page = try await visitor.get(Self.one)
            #expect(
                page.status == 303 && page.headers["location"] == "../../login?next=deployments/payments/fraud-scorer")
            #expect(page.body.isEmpty)
            let login = try await visitor.get("/login?next=deployments/payments/fraud-scorer")
            #expect(login.status == 200 && WebVisitor.field("next", of: login) == "deployments/payments/fraud-scorer")
            let entered = try await visitor.post(
                "/login", ["token": Tokens.viewer, "next": "deployments/payments/fraud-scorer"])
            #expect(entered.headers["location"] == "./deployments/payments/fraud-scorer")
            // Programs get what they get everywhere.
            #expect(try await visitor.get("/", headers: [("accept", "*/*")]).status == 401)
        }
    }

    @Test("a link on another site is loaded again, so that the browser sends its cookie")
    func crossSite() async throws {
        try await withServer(Self.surface()) { url async throws in
            let visitor = WebVisitor(url: url)
            let page = try await visitor.get("\(Self.one)?a=b", headers: [("sec-fetch-site", "cross-site")])
            #expect(page.status == 200 && page.body.contains("content=\"0;url=fraud-scorer?a=b\""))
            #expect(!page.body.contains("version 3"))
        }
    }

    @Test("every page shows what the caller may see, with a strict policy, and is stored nowhere")
    func headers() async throws {
        try await withServer(Self.surface()) { url async throws in
            let visitor = try await WebVisitor.signedIn(url)
            for path in Self.pages + ["/login", "/nowhere-of-pages", "/deployments/a/b"] {
                let page = try await visitor.get(path)
                guard path != "/nowhere-of-pages" else { continue }
                #expect(page.status == (path == "/deployments/a/b" ? 404 : 200), "\(path)")
                let policy = page.headers["content-security-policy"] ?? ""
                #expect(
                    policy.hasPrefix("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "\(path)")
                #expect(page.headers["x-content-type-options"] == "nosniff", "\(path)")
                #expect(page.headers["cache-control"] == "no-store", "\(path)")
                let isFile = path.hasSuffix("/report") || path.hasSuffix(".svg")
                #expect(policy.contains("unsafe-inline") == isFile, "\(path)")
                #expect((page.headers["content-disposition"] ?? "").hasPrefix("attachment") == isFile, "\(path)")
            }
            #expect(
                PageAnswers.policy == "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
                    + "img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
            let page = try await visitor.get("\(Self.one)/logs")
            #expect(page.body.contains("&lt;b&gt;line&lt;/b&gt;"))
        }
    }

    @Test("GET changes nothing, on any page, and codes in addresses stay valid")
    func getIsSafe() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let visitor = try await WebVisitor.signedIn(url, Tokens.admin)
            for path in Self.pages {
                _ = try await visitor.get(path + (path.contains("?") ? "&" : "?") + "full=1&to=aaaaaaaaaa")
            }
            let link = try await client(url).dashboardLink()
            let stranger = WebVisitor(url: url)
            for _ in 0..<2 { #expect(try await stranger.get("/login?code=\(link.code)").headers["set-cookie"] == nil) }
            #expect(try await stranger.post("/login", ["code": link.code]).status == 303)
            #expect(try await stranger.post("/login", ["code": link.code]).status == 403)
            #expect(try await visitor.get("/logout").status == 404)
            #expect(try await visitor.get("/").status == 200)
        }
        #expect(surface.read { $0.commands }.isEmpty && surface.read { $0.looks } == 0)
    }

    @Test("a button acts in the name of the session's token, once its page was confirmed")
    func acts() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let visitor = try await WebVisitor.signedIn(url)
            let confirm = try await visitor.get("\(Self.one)/actions/pause")
            let form = [
                "csrf": WebVisitor.field("csrf", of: confirm) ?? "",
                "seen": WebVisitor.field("seen", of: confirm) ?? "", "actor": "somebody-else",
                "reason": "a freeze <b>until</b> Monday",
            ]
            let done = try await visitor.post("\(Self.one)/actions/pause", form)
            #expect(done.status == 303 && done.headers["location"] == "../../fraud-scorer?done=pause")
            #expect(
                try await visitor.get("\(Self.one)?done=pause").body.contains("Pause: the controller has accepted it."))
            #expect(try await visitor.get("\(Self.one)?done=%3Cb%3E").body.contains("accepted it") == false)
            // The scripted controller refuses to pause what is paused: the page says so.
            let again = try await visitor.post("\(Self.one)/actions/pause", form)
            #expect(again.status == 409 && again.body.contains("Not possible now"))
        }
        let commands = surface.read { $0.commands }
        #expect(commands.map(\.verb) == [.pause] && commands[0].actor == "ops" && commands[0].claimedActor == nil)
        #expect(commands.first?.reason == "a freeze <b>until</b> Monday")
    }

    @Test(
        "a form without the session's token, from another site, of another session, or without an Origin changes nothing"
    )
    func forgery() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let visitor = try await WebVisitor.signedIn(url)
            let other = try await WebVisitor.signedIn(url)
            let path = "\(Self.one)/actions/pause"
            let page = try await visitor.get(path)
            let good = [
                "csrf": WebVisitor.field("csrf", of: page) ?? "", "seen": WebVisitor.field("seen", of: page) ?? "",
            ]
            let foreign = WebVisitor.field("csrf", of: try await other.get(path)) ?? ""
            for csrf in ["", "x", foreign] {
                let answer = try await visitor.post(path, ["csrf": csrf, "seen": good["seen"] ?? ""])
                #expect(answer.status == 403, "\(csrf)")
            }
            #expect(try await visitor.post(path, good, origin: nil).status == 403)
            #expect(try await visitor.post(path, good, origin: "http://evil.example").status == 403)
            #expect(try await visitor.post(path, good, origin: "null").status == 403)
            #expect(try await visitor.post(path, good, headers: [("sec-fetch-site", "cross-site")]).status == 403)
            #expect(try await WebVisitor(url: url).post(path, good).status == 401)
            // A cookie reads the API, and changes nothing through it.
            #expect(try await visitor.get("/api/v1/deployments").status == 200)
            #expect(try await visitor.post("/api/v1\(Self.one)/pause", [:]).status == 401)
            #expect(try await visitor.post("/api/v1/sync", good).status == 401)
            #expect(try await visitor.post("/api/v1/dashboard/link", good).status == 401)
            #expect(try await visitor.post("/logout", ["csrf": foreign]).status == 403)
            let bearer = [("authorization", "Bearer \(Tokens.operator)")]
            #expect(try await WebVisitor(url: url).post(path, good, headers: bearer).status == 403)
        }
        #expect(surface.read { $0.commands }.isEmpty && surface.read { $0.looks } == 0)
    }

    @Test("a form is not carried out on something else than its page showed")
    func stale() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let visitor = try await WebVisitor.signedIn(url)
            let page = try await visitor.get("\(Self.one)/actions/promote")
            let form = [
                "csrf": WebVisitor.field("csrf", of: page) ?? "", "seen": WebVisitor.field("seen", of: page) ?? "",
            ]
            surface.read { $0.status.deployments[0].candidate?.revision = Revision(rawValue: "cccccccccc") }
            let answer = try await visitor.post("\(Self.one)/actions/promote", form)
            #expect(answer.status == 409 && answer.body.contains("Nothing was done"))
        }
        #expect(surface.read { $0.commands }.isEmpty)
    }

    @Test("a viewer's forms are refused, and a scope hides other deployments on every page")
    func rights() async throws {
        let surface = Self.surface()
        try await withServer(surface) { url async throws in
            let viewer = try await WebVisitor.signedIn(url, Tokens.viewer)
            let path = "\(Self.one)/actions/pause"
            let page = try await viewer.get(Self.one)
            #expect(page.body.contains("Buttons need the role operator") && !page.body.contains("actions/pause\""))
            let form = ["csrf": WebVisitor.field("csrf", of: page) ?? "", "seen": "aaaaaaaaaa/bbbbbbbbbb"]
            let refused = try await viewer.post(path, form)
            #expect(refused.status == 403 && refused.body.contains("role operator is needed"))
            #expect(try await viewer.get("\(Self.one)/logs").status == 403)
            let limited = try await WebVisitor.signedIn(url, Tokens.limited)
            let fleet = try await limited.get("/")
            #expect(fleet.body.contains("fraud-scorer") && !fleet.body.contains("hidden-model"))
            let hidden = try await limited.get("/deployments/secret/hidden-model")
            let missing = try await limited.get("/deployments/secret/no-model")
            #expect(hidden.status == 404 && missing.status == 404)
            #expect(try await limited.get("/deployments/secret/hidden-model/actions/pause").status == 404)
            let metrics = try await WebVisitor(url: url).post("/login", ["token": Tokens.metrics])
            #expect(metrics.status == 403 && metrics.headers["set-cookie"] == nil)
        }
        #expect(surface.read { $0.commands }.isEmpty)
    }

    @Test("a session ends when its browser signs out, and when its token is withdrawn")
    func ending() async throws {
        let register = TokenRegistry(Tokens.keys())
        try await withServer(Self.surface(), register: register) { url async throws in
            let visitor = try await WebVisitor.signedIn(url)
            let other = try await WebVisitor.signedIn(url, Tokens.viewer)
            let csrf = WebVisitor.field("csrf", of: try await visitor.get("/")) ?? ""
            let out = try await visitor.post("/logout", ["csrf": csrf])
            #expect(out.status == 303 && out.headers["set-cookie"]?.contains("Max-Age=0") == true)
            #expect(try await visitor.get("/").status == 303)
            #expect(try await other.get("/").status == 200)
            register.replace(Tokens.keys(but: ["board"]))
            #expect(try await other.get("/").status == 303)
            #expect(try await other.get("/api/v1/deployments").status == 401)
        }
    }

    @Test("guessing tokens is slowed down, locks nobody out who knows one, and no page repeats what was sent")
    func guessing() async throws {
        try await withServer(Self.surface()) { url async throws in
            let visitor = WebVisitor(url: url)
            for _ in 0..<LoginThrottle.mostOfPeer {
                let answer = try await visitor.post("/login", ["token": "wrong-token-7c1e9f04"])
                #expect(
                    answer.status == 403 && !answer.body.contains("wrong-token") && answer.headers["set-cookie"] == nil)
            }
            let late = try await visitor.post("/login", ["token": "wrong-token-7c1e9f04"])
            #expect(late.status == 429 && late.headers["retry-after"] != nil && late.headers["set-cookie"] == nil)
            let right = try await visitor.post("/login", ["token": Tokens.admin])
            #expect(right.status == 303 && right.headers["set-cookie"] != nil)
        }
    }

    @Test("the files of the pages are open, typed, and kept under their version only")
    func assets() async throws {
        try await withServer(Self.surface()) { url async throws in
            let visitor = WebVisitor(url: url)
            let style = try await visitor.get("/assets/dashboard.css?v=\(DashboardAssets.version)")
            #expect(style.headers["content-type"] == "text/css; charset=utf-8" && style.body == DashboardAssets.style)
            #expect(style.headers["cache-control"]?.contains("immutable") == true)
            #expect(try await visitor.get("/assets/dashboard.js").headers["cache-control"] == "no-cache")
            for path in ["/assets/layout.mustache", "/assets/", "/assets/..%2Flogin"] {
                #expect(try await visitor.get(path).status != 200, "\(path)")
            }
        }
    }

    @Test("a controller that stands by says who leads, or how old its knowledge is")
    func standby() async throws {
        let standing = LeadershipStatus.standsBy(
            leader: "mlctl-1", api: nil, reason: "another controller leads", remembers: false)
        try await withServer(Self.surface(), standing: { standing }) { url async throws in
            let page = try await WebVisitor.signedIn(url).get("/")
            #expect(page.status == 503 && page.body.contains("mlctl-1") && !page.body.contains("fraud-scorer"))
        }
        let old = LeadershipStatus.standsBy(leader: nil, api: nil, reason: "the lease cannot be read", remembers: true)
        try await withServer(Self.surface(), standing: { old }) { url async throws in
            let page = try await WebVisitor.signedIn(url).get("/")
            #expect(page.status == 200 && page.body.contains("last known state") && page.body.contains("fraud-scorer"))
        }
    }
}
