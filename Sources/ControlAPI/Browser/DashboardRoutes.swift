import ControlPorts
import Dashboard
import Foundation
import Hummingbird
import ModelManifests
import Rollouts
import Transport

/// The dashboard: its pages. `SessionRoutes` signs browsers in, `ActionRoutes` carries out what their forms ask for.
///
/// Pages get all data from `AuthorizedSurface`, like the API, so a caller sees the same with both. GET changes nothing.
struct DashboardRoutes: Sendable {
    static let mostEvents = APILimits.events
    static let logLines = 200
    static let fleetSeconds = 10
    static let rolloutSeconds = 3
    static let quietSeconds = 15

    let surface: any ControlSurface
    let sessions: BrowserSessions
    let pages: DashboardPages
    let standing: @Sendable () async -> LeadershipStatus
    let stopwatch: ClientClock
    let traffic = TrafficCache()
    var now: @Sendable () -> Date = { Date() }

    func add(to router: Router<ControlContext>) {
        let one = "\(BrowserPath.deployments)/:namespace/:name"
        router.get(RouterPath(BrowserPath.fleet)) { request, context in
            await answer(request, context) { visit in
                let status = try await visit.seen.status()
                let page = FleetPage(status, query: FleetQuery(Self.parameters(request)), now: visit.now)
                return PageAnswers.page(
                    pages.fleet(
                        page,
                        in: visit.frame("Fleet", live: .init(events: "api/v1/events", everySeconds: Self.fleetSeconds)))
                )
            }
        }
        router.get(RouterPath(BrowserPath.deployments)) { _, _ in PageAnswers.goTo("./") }
        router.get(RouterPath(one)) { request, context in
            await answer(request, context) { visit in
                PageAnswers.page(try await deployment(try Self.deployment(in: context), request, visit))
            }
        }
        router.get(RouterPath("\(one)/logs")) { request, context in
            await answer(request, context) { visit in
                let key = try Self.deployment(in: context)
                let lines = try await visit.seen.logs(of: key, revision: nil, lines: Self.logLines)
                let frame = visit.frame(
                    "Logs of \(key)", live: .init(events: Self.events(of: key), everySeconds: Self.rolloutSeconds))
                return PageAnswers.page(pages.logs(LogsPage(key, lines), in: frame))
            }
        }
        addRollouts(to: router, one)
    }

    private func addRollouts(to router: Router<ControlContext>, _ one: String) {
        let rollout = "\(one)/rollouts/:revision"
        router.get(RouterPath(rollout)) { request, context in
            await answer(request, context) { visit in
                let (page, trail) = try await self.rollout(context, visit)
                let key = try Self.deployment(in: context)
                let live = PageFrame.Live(
                    events: Self.events(of: key),
                    everySeconds: trail.endedAt == nil ? Self.rolloutSeconds : Self.quietSeconds)
                return PageAnswers.page(
                    pages.rollout(page, in: visit.frame("Rollout \(trail.revision) of \(key)", live: live)))
            }
        }
        router.get(RouterPath("\(rollout)/report")) { request, context in
            await answer(request, context) { visit in
                let (page, trail) = try await self.rollout(context, visit)
                let key = try Self.deployment(in: context)
                let html = pages.report(page, in: visit.frame("Rollout \(trail.revision) of \(key)"))
                return PageAnswers.download(
                    html, type: "text/html; charset=utf-8", name: "\(key.namespace)-\(key.name)-\(trail.revision).html")
            }
        }
        router.get(RouterPath("\(rollout)/timeline.svg")) { request, context in
            await answer(request, context) { visit in
                let (_, trail) = try await self.rollout(context, visit)
                let key = try Self.deployment(in: context)
                return PageAnswers.download(
                    RolloutPage.timelineFile(trail, title: "Rollout \(trail.revision) of \(key)"),
                    type: "image/svg+xml", name: "\(key.namespace)-\(key.name)-\(trail.revision).svg")
            }
        }
    }

    // MARK: Pages

    private func deployment(_ key: DeploymentKey, _ request: Request, _ visit: Visit) async throws -> String {
        let explanation = try await visit.seen.explanation(of: key)
        let history = try await visit.seen.history(of: key)
        let newestFirst = Array(explanation.events.reversed())
        let revision = newestFirst.last { $0.event.kind == .rolloutStarted }?.event.revision
        let trail = revision.flatMap { RolloutTrail(of: $0, in: newestFirst, now: visit.now) }
        var points = TrafficPoints()
        if let trail { points = try await traffic.points(of: trail, in: key, from: visit.seen) }
        let page = DeploymentPage(explanation, history: history, traffic: points, trail: trail, now: visit.now)
        let isMoving = explanation.status.candidate != nil
        let live = PageFrame.Live(
            events: Self.events(of: key), everySeconds: isMoving ? Self.rolloutSeconds : Self.quietSeconds)
        let done = Self.parameters(request)["done"].flatMap(CommandKind.init)
        let notice = done.map { PageFrame.Notice(tone: .good, text: "\($0.title): the controller has accepted it.") }
        return pages.deployment(page, in: visit.frame(key.description, live: live, notice: notice))
    }

    private func rollout(
        _ context: ControlContext, _ visit: Visit
    ) async throws -> (page: RolloutPage, trail: RolloutTrail) {
        let key = try Self.deployment(in: context)
        let text = context.parameters.get("revision")?.removingPercentEncoding ?? ""
        guard Query.isName(text) else { throw ControlError(.invalid, "a revision has ten hexadecimal digits") }
        let revision = Revision(rawValue: text)
        let explanation = try await visit.seen.explanation(of: key)
        let events = try await visit.seen.events(matching: EventFilter(deployment: key), limit: Self.mostEvents)
        guard let trail = RolloutTrail(of: revision, in: events, now: visit.now) else {
            throw ControlError(
                .notFound,
                "there is no rollout of revision \(revision) of \(key) in its newest \(Self.mostEvents) events")
        }
        let entry = try await visit.seen.history(of: key).first { $0.revision == revision }
        let points = try await traffic.points(of: trail, in: key, from: visit.seen)
        return (RolloutPage(trail, of: explanation, entry: entry, traffic: points, now: visit.now), trail)
    }

    private static func events(of key: DeploymentKey) -> String {
        "api/v1/events?deployment=\(key.namespace)/\(key.name)"
    }

    // MARK: Visits

    /// One request for a page.
    struct Visit: Sendable {
        var seen: AuthorizedSurface
        var viewer: PageFrame.Viewer
        var root: String
        var now: Date
        var notice: PageFrame.Notice?

        func frame(
            _ title: String, live: PageFrame.Live? = nil, notice own: PageFrame.Notice? = nil
        ) -> PageFrame {
            PageFrame(title: title, root: root, viewer: viewer, now: now, live: live, notice: notice ?? own)
        }
    }

    /// Answers with a page, also where something fails.
    func answer(
        _ request: Request, _ context: ControlContext, _ make: @escaping @Sendable (Visit) async throws -> Response
    ) async -> Response {
        let root = PageFrame.root(from: request.uri.path)
        do {
            var visit = Visit(
                seen: AuthorizedSurface(surface: surface, caller: try context.caller), viewer: try viewer(of: context),
                root: root, now: now())
            if case .standsBy(let leader, _, let reason, let remembers) = await standing() {
                guard remembers, request.method == .get || request.method == .head else {
                    throw ControlError(
                        .unavailable,
                        "this controller stands by: \(reason). "
                            + (leader.map { "Open the dashboard of \($0), which leads." } ?? "No controller leads now.")
                    )
                }
                visit.notice = .init(tone: .warning, text: "Not current: \(reason). This is the last known state.")
            }
            let asked = visit
            return try await stopwatch.within(ControlRoutes.answerLimit) { try await make(asked) }
        } catch {
            let (status, answer) = ErrorMiddleware.answer(to: error, request)
            return PageAnswers.page(
                pages.message(
                    MessagePage(
                        title: Self.title(status), text: Self.sentence(answer.error.message),
                        links: [.init("Fleet", to: root)]),
                    in: PageFrame(
                        title: Self.title(status), root: root, viewer: try? viewer(of: context), now: now())), status)
        }
    }

    private func viewer(of context: ControlContext) throws -> PageFrame.Viewer {
        let caller = try context.caller
        let form = if case .session(let holder) = context.proof { sessions.formToken(of: holder.session) } else { "" }
        let refusal: String? =
            caller.role.allows(.act)
            ? nil
            : "You are signed in as \(caller.name) with the role \(caller.role.rawValue). Buttons need the role "
                + "\(AccessPermission.act.neededRole.rawValue)."
        return PageFrame.Viewer(name: caller.name, role: caller.role.rawValue, csrf: form, actRefusal: refusal)
    }

    private static func title(_ status: HTTPResponse.Status) -> String {
        switch status.code {
        case 403: "Not allowed"
        case 404: "Not there"
        case 409: "Not possible now"
        case 503: "Not available now"
        case 400..<500: "This request is not valid"
        default: "Something failed"
        }
    }

    private static func sentence(_ text: String) -> String {
        let text = text.prefix(1).uppercased() + text.dropFirst()
        return text.hasSuffix(".") ? text : text + "."
    }

    // MARK: Reading requests

    static func deployment(in context: ControlContext) throws -> DeploymentKey {
        func name(_ parameter: String) throws -> String {
            guard let text = context.parameters.get(parameter)?.removingPercentEncoding, Query.isName(text) else {
                throw ControlError(.invalid, "the \(parameter) must be letters, digits, '-' and '.'")
            }
            return text
        }
        return DeploymentKey(namespace: try name("namespace"), name: try name("name"))
    }

    /// The first value of each parameter, with `+` for blanks as forms write it.
    static func parameters(_ request: Request) -> [String: String] {
        FormBody(parsing: (request.uri.query ?? "").utf8)?.all ?? [:]
    }
}
