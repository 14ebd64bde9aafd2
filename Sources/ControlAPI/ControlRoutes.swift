import ControlPorts
import Dashboard
import Foundation
import Hummingbird
import Logging
import ModelManifests
import Rollouts
import Transport

/// The routes of the API. All data that a caller gets comes from `AuthorizedSurface`, which knows what the caller may see. Only the
/// probes use the controller directly.
struct ControlRoutes: Sendable {
    /// The maximum size of a request's body. The git hook has a limit of its own.
    static let bodyBytes = 64 * 1024
    static let answerLimit: Duration = .seconds(30)
    /// A check of git may have to clone.
    static let syncLimit: Duration = .seconds(120)

    let surface: any ControlSurface
    let hook: GitHook
    let streams: EventStreams
    let register: TokenRegistry
    var tls: ServerCertificates?
    var standing: @Sendable () async -> LeadershipStatus = { .leads }
    let pages: DashboardPages
    let sessions: BrowserSessions
    let codes: LoginCodes
    let outcomeBatches = BodyAdmission.ofOutcomes()
    /// What the controller does not answer in time is left behind, and counted.
    let stopwatch = ClientClock()

    func router(guardedBy guarding: AuthenticationMiddleware) -> Router<ControlContext> {
        let router = Router(context: ControlContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ErrorMiddleware())
        router.add(middleware: guarding)
        // Added again, so that errors of the middleware below also carry the answer's proof.
        router.add(middleware: ErrorMiddleware())
        router.add(
            middleware: LeaderForwarding(
                register: register, tls: tls, hook: hook, stopwatch: stopwatch, standing: standing))
        addDeployments(to: router)
        addEvidence(to: router)
        addEvents(to: router)
        addAudit(to: router)
        addGit(to: router)
        addProbes(to: router)
        addMetrics(to: router)
        addDashboard(to: router)
        return router
    }

    /// A router with only the probes, for a separate listener.
    func probeRouter() -> Router<ControlContext> {
        let router = Router(context: ControlContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ErrorMiddleware())
        addProbes(to: router)
        return router
    }

    /// The controller as the sender of the request may see it.
    private func seen(by context: ControlContext) throws -> AuthorizedSurface {
        AuthorizedSurface(surface: surface, caller: try context.caller)
    }

    private func addDeployments(to router: Router<ControlContext>) {
        let one = "\(APIPath.deployments)/:namespace/:name"
        router.get(RouterPath(APIPath.deployments)) { request, context in
            let seen = try seen(by: context)
            let project = try Query(request).project()
            return try await json { hook.completed(try await seen.status()).narrowed(to: project) }
        }
        router.get(RouterPath(one)) { _, context in
            let (seen, key) = (try seen(by: context), try deployment(in: context))
            return try await json { try await seen.status(of: key) }
        }
        router.get(RouterPath("\(one)/history")) { _, context in
            let (seen, key) = (try seen(by: context), try deployment(in: context))
            return try await json { HistoryList(history: try await seen.history(of: key)) }
        }
        router.get(RouterPath("\(one)/logs")) { request, context in
            let (seen, key) = (try seen(by: context), try deployment(in: context))
            let query = Query(request)
            let lines = try query.number("lines", default: APILimits.defaultLogLines, in: 1...APILimits.logLines)
            let revision = query["revision"].map(Revision.init(rawValue:))
            return try await json {
                LogList(lines: try await seen.logs(of: key, revision: revision, lines: lines))
            }
        }
        for action in ControlAction.allCases {
            router.post(RouterPath("\(one)/\(action.rawValue)")) { request, context in
                let (seen, key) = (try seen(by: context), try deployment(in: context))
                try await seen.check(.act, on: key)
                let command = try action.command(try await body(of: request, context))
                return try await json { try await seen.act(command, on: key) }
            }
        }
    }

    private func addEvidence(to router: Router<ControlContext>) {
        let one = "\(APIPath.deployments)/:namespace/:name"
        router.get(RouterPath("\(one)/explain")) { _, context in
            let (seen, key) = (try seen(by: context), try deployment(in: context))
            return try await json { try await seen.explanation(of: key) }
        }
        router.get(RouterPath("\(one)/readings")) { _, context in
            let (seen, key) = (try seen(by: context), try deployment(in: context))
            return try await json { RecordedRolloutList(rollouts: try await seen.recordedRollouts(of: key)) }
        }
        router.get(RouterPath("\(one)/readings/:rollout")) { request, context in
            let (seen, key) = (try seen(by: context), try deployment(in: context))
            let query = Query(request)
            let after = try query.position("after") ?? 0
            let limit = try query.number("limit", default: APILimits.readings, in: 1...APILimits.readings)
            guard let rollout = context.parameters.get("rollout").flatMap({ Int($0) }) else {
                throw ControlError(
                    .invalid, "the rollout must be a number from the list at the parent of \(request.uri.path)")
            }
            return try await json {
                RecordedReadingList(
                    readings: try await seen.recordedReadings(of: rollout, in: key, after: after, limit: limit))
            }
        }
        router.post(RouterPath(APIPath.outcomes)) { request, context in
            let seen = try seen(by: context)
            try seen.check(.report)
            return try await outcomeBatches.reading {
                let isLines = request.headers[.contentType]?.contains("ndjson") == true
                let buffer = try await collect(request, context, upTo: APILimits.outcomeBytes)
                let body = try OutcomeBody(Data(buffer.readableBytesView), isLines: isLines)
                return try await json {
                    OutcomeReceipt(refusals: body.refusals) + (try await seen.report(body.outcomes))
                }
            }
        }
    }

    private func addEvents(to router: Router<ControlContext>) {
        router.get(RouterPath(APIPath.events)) { request, context in
            let seen = try seen(by: context)
            let query = Query(request)
            let deployment = try query.deployment("deployment")
            let project = try query.project()
            let after = try query.position("after")
            if request.headers[.accept]?.contains("text/event-stream") == true {
                let lastSeen = request.headers.first { $0.name.canonicalName == "last-event-id" }
                let position = try lastSeen.map { try Query.position($0.value, named: "Last-Event-ID") } ?? after
                try await seen.check(.look, on: deployment)
                return try streams.response(
                    to: request, from: seen, deployment: deployment, project: project, after: position,
                    logger: context.logger,
                    isAllowed: { [register, sessions] in
                        context.proof?.isValid(register, sessions) == true
                    })
            }
            let limit = try query.number("limit", default: APILimits.defaultEvents, in: 1...APILimits.events)
            let filter = EventFilter(deployment: deployment, project: project, afterId: after)
            return try await json { EventList(events: try await seen.events(matching: filter, limit: limit)) }
        }
    }

    private func addAudit(to router: Router<ControlContext>) {
        router.get(RouterPath(APIPath.audit)) { request, context in
            let seen = try seen(by: context)
            let query = Query(request)
            let after = try query.position("after") ?? 0
            let limit = try query.number("limit", default: APILimits.defaultEvents, in: 1...APILimits.events)
            return try await json { AuditList(entries: try await seen.auditEntries(after: after, limit: limit)) }
        }
    }

    private func addGit(to router: Router<ControlContext>) {
        router.post(RouterPath(APIPath.sync)) { request, context in
            let seen = try seen(by: context)
            let project = try Query(request).project()
            return try await json(within: Self.syncLimit) { SyncAnswer(sources: try await seen.sync(project)) }
        }
        router.post(RouterPath(APIPath.gitHook)) { request, _ in try await takeDelivery(request) }
        router.get(RouterPath(APIPath.ancestor)) { request, context in
            let seen = try seen(by: context)
            let query = Query(request)
            let commit = try query.commit("commit")
            let descendant = try query.commit("of")
            return try await json { AncestorAnswer(ancestor: try await seen.isAncestor(commit, of: descendant)) }
        }
    }

    /// Git itself shows what was pushed. The body only says whether that matters to a project, and who says so.
    private func takeDelivery(_ request: Request) async throws -> Response {
        guard hook.wantsProof else {
            hook.nudge()
            return Response(status: .accepted)
        }
        return try await hook.bodies.reading {
            let buffer = try await stopwatch.within(Self.answerLimit) {
                try await request.body.collect(upTo: GitHook.bodyBytes)
            }
            let body = Data(buffer.readableBytesView)
            let delivery = HookDelivery(
                field: { name in request.headers.first { $0.name.canonicalName == name }?.value }, body: body)
            guard !hook.take(delivery, body: body).isRefused else {
                throw AccessError(
                    "the delivery is not signed with the secret in 'webhooks.secretFile' of any project, or its token is another"
                )
            }
            return Response(status: .accepted)
        }
    }

    private func addMetrics(to router: Router<ControlContext>) {
        router.get(RouterPath(APIPath.targets)) { _, context in
            let seen = try seen(by: context)
            return try await json { try await seen.scrapeTargets() }
        }
        router.get(RouterPath(APIPath.metrics)) { _, context in
            let seen = try seen(by: context)
            return try await stopwatch.within(Self.answerLimit) {
                text(try await seen.metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
            }
        }
    }

    private func addDashboard(to router: Router<ControlContext>) {
        let dashboard = DashboardRoutes(
            surface: surface, sessions: sessions, pages: pages, standing: standing, stopwatch: stopwatch)
        dashboard.add(to: router)
        ActionRoutes(routes: dashboard).add(to: router)
        SessionRoutes(register: register, sessions: sessions, codes: codes, pages: pages, isSecure: tls != nil)
            .add(to: router)
        router.post(RouterPath(APIPath.dashboardLink)) { request, context in
            try seen(by: context).check(.look)
            _ = try await collect(request, context)
            guard let proof = context.proof, let code = codes.issue(.init(caller: proof.caller, key: proof.key)) else {
                throw ControlError(.unavailable, "there are too many unused links: try again in a minute")
            }
            return try await json { DashboardLink(code: code, seconds: Int(LoginCodes.lifetime / .seconds(1))) }
        }
    }

    private func addProbes(to router: Router<ControlContext>) {
        router.get(RouterPath(APIPath.health)) { _, _ in text("ok\n") }
        router.get(RouterPath(APIPath.readiness)) { _, _ in
            guard try await stopwatch.within(Self.answerLimit, { await surface.isReady() }) else {
                throw ControlError(.unavailable, "the first check of git has not succeeded yet")
            }
            guard case .standsBy(_, _, let reason, _) = await standing() else { return text("ready, leads\n") }
            return text("ready, stands by: \(reason)\n")
        }
        router.get(RouterPath(APIPath.leading)) { _, _ in
            if case .standsBy(_, _, let reason, _) = await standing() { throw ControlError(.unavailable, reason) }
            return text("leads\n")
        }
    }

    // MARK: Reading requests

    private func deployment(in context: ControlContext) throws -> DeploymentKey {
        func name(_ parameter: String) throws -> String {
            guard let text = context.parameters.get(parameter)?.removingPercentEncoding, Query.isName(text) else {
                throw ControlError(.invalid, "the \(parameter) must be letters, digits, '-' and '.'")
            }
            return text
        }
        return DeploymentKey(namespace: try name("namespace"), name: try name("name"))
    }

    private func body(of request: Request, _ context: ControlContext) async throws -> ActionRequest {
        let buffer = try await collect(request, context)
        guard buffer.readableBytes > 0 else { return ActionRequest() }
        do {
            return try APICoding.decode(ActionRequest.self, from: Data(buffer.readableBytesView))
        } catch {
            throw ControlError(.invalid, #"the body must be a JSON object such as {"full": true}"#)
        }
    }

    /// Reads the whole body. If the request is signed, the body must be the one that was signed.
    private func collect(
        _ request: Request, _ context: ControlContext, upTo limit: Int = bodyBytes
    ) async throws -> ByteBuffer {
        let buffer = try await stopwatch.within(Self.answerLimit) { try await request.body.collect(upTo: limit) }
        if case .signature(let signature, _) = context.proof,
            signature.bodyDigest != RequestSignature.digest(of: Data(buffer.readableBytesView))
        {
            throw ControlError(.invalid, "the body is not the one that was signed")
        }
        return buffer
    }

    // MARK: Answering

    private func json<Value: Encodable & Sendable>(
        within limit: Duration = ControlRoutes.answerLimit, _ answer: @escaping @Sendable () async throws -> Value
    ) async throws -> Response {
        Response.json(try APICoding.encode(try await stopwatch.within(limit, answer)))
    }

    private func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
        Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

extension Response {
    static func json(_ data: Data, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}
