import AsyncHTTPClient
import ControlPorts
import Foundation
import HTTPTypes
import Hummingbird
import ServiceLifecycle
import Synchronization
import Transport

import enum NIOHTTP1.HTTPMethod

/// If this controller stands by, forwards requests to the leader in the caller's name.
///
/// # Guarantees
/// - A standby never answers from its own memory: without the leader it answers 503, with the reason. The only exception is a
///   controller that led and knows of no new leader. It answers read requests with its last known state, which says how old it
///   is.
/// - The leader's address comes from the lease, and anyone who may write the lease could put another address there. So no token
///   is sent to it: the request is signed with the caller's token (`RequestSignature`), and the answer must prove that its sender
///   knows the token too. A local user has no token; for them the request is signed with a token that all controllers of the name
///   have.
/// - A request is forwarded once: a second controller that stands by refuses it, unless it answers from its last known state.
/// - Time for connecting, answering and silence is bounded. Answers are passed through without buffering.
struct LeaderForwarding: RouterMiddleware {
    typealias Context = ControlContext

    static let mark = "mlctl-forwarded-by-standby"
    /// All other headers belong to the connection, or were already checked by this controller.
    private static let passedFields: Set<String> = ["accept", "content-type", "last-event-id", "user-agent"]
    private static let answeredFields: Set<String> = [
        "cache-control", "content-type", "retry-after", "www-authenticate",
    ]
    /// Longer than the leader's own limit, so that people see the leader's explanation.
    private static let margin: Duration = .seconds(5)
    /// For event streams: the leader sends a heartbeat every 15 s.
    private static let silenceSeconds: Int64 = 45

    let register: TokenRegistry
    let standing: @Sendable () async -> LeadershipStatus
    let leaders: LeaderTransports
    let stopwatch: ClientClock
    let hook: GitHook

    init(
        register: TokenRegistry, tls: ServerCertificates? = nil, hook: GitHook = GitHook(),
        stopwatch: ClientClock, standing: @escaping @Sendable () async -> LeadershipStatus
    ) {
        self.register = register
        self.stopwatch = stopwatch
        self.hook = hook
        self.standing = standing
        leaders = LeaderTransports(tls: tls)
    }

    func handle(
        _ request: Request, context: ControlContext,
        next: (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        guard !APIPath.own.contains(request.uri.path), !BrowserPath.isOwn(request.uri.path),
            case .standsBy(let leader, let api, let reason, let remembers) = await standing()
        else { return try await next(request, context) }
        if remembers, Self.isReadOnlyQuery(request) { return try await next(request, context) }
        if request.headers.contains(where: { $0.name.canonicalName == Self.mark }) {
            throw ControlError(.unavailable, "the leader is changing: \(reason). Try again in a few seconds")
        }
        guard let leader, let api else {
            throw ControlError(
                .unavailable, leader == nil ? reason : "\(reason). Its lease does not contain its API address")
        }
        guard let url = URL(string: api), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
            throw ControlError(.unavailable, "\(leader) leads, but its address in the lease is not valid: '\(api)'")
        }
        do {
            return try await forward(request, context, to: api)
        } catch ControlClientError.refused(let reason) {
            throw AccessError(
                "\(leader), which leads, does not accept this controller's token: give all controllers of one name the same "
                    + "token files (\(reason))")
        } catch let error as AccessError {
            throw error
        } catch {
            try Task.checkCancellation()
            if let error = error as? any HTTPResponseError { throw error }
            throw ControlError(
                .unavailable,
                "this controller stands by, and the leader, \(leader), cannot be reached at \(api): "
                    + "\(TransportReason.text(error)). Models continue to serve; try again in a few seconds")
        }
    }

    private static func isOfHook(_ field: String) -> Bool {
        ["x-github-", "x-hub-", "x-gitlab-", "x-gitea-", "x-gogs-", "x-forgejo-", "x-event-key", "x-request-"]
            .contains(where: field.hasPrefix)
    }

    /// Whether the request only reads state. Event streams are excluded, because they deliver future events.
    private static func isReadOnlyQuery(_ request: Request) -> Bool {
        guard request.method == .get || request.method == .head else { return false }
        if request.uri.path == APIPath.events {
            return request.headers[.accept]?.contains("text/event-stream") != true
        }
        return request.uri.path.hasPrefix(APIPath.deployments) || request.uri.path == APIPath.ancestor
    }

    private func forward(_ request: Request, _ context: ControlContext, to api: String) async throws -> Response {
        var call = ControlCall(
            method: HTTPMethod(rawValue: request.method.rawValue), target: request.uri.string,
            headers: [(Self.mark, "1")])
        for field in request.headers where Self.passedFields.contains(field.name.canonicalName) {
            call.headers.append((field.name.canonicalName, field.value))
        }
        guard context.proof != nil else {
            // The git hook: its proof is in fields of its own, and about the body.
            return try await hook.bodies.reading {
                for field in request.headers where Self.isOfHook(field.name.canonicalName) {
                    call.headers.append((field.name.canonicalName, field.value))
                }
                if hook.wantsProof {
                    let body = try await stopwatch.within(ControlRoutes.answerLimit) {
                        try await request.body.collect(upTo: GitHook.bodyBytes)
                    }
                    call.body = Data(body.readableBytesView)
                }
                return Self.response(try await leaders.open(at: api).sendOpenly(call))
            }
        }
        if request.method != .get, request.method != .head { call.body = try await body(of: request, context) }
        let isStream = request.headers[.accept]?.contains("text/event-stream") == true
        let isLook = request.uri.path == APIPath.sync
        let limit = (isLook ? ControlRoutes.syncLimit : ControlRoutes.answerLimit) + Self.margin
        let transport = try leaders.transport(
            to: api, as: try key(for: context),
            silenceSeconds: isLook ? limit.components.seconds : Self.silenceSeconds)
        return Self.response(try await transport.send(call, timeout: isStream ? nil : limit))
    }

    private func body(of request: Request, _ context: ControlContext) async throws -> Data {
        let limit = request.uri.path == APIPath.outcomes ? APILimits.outcomeBytes : ControlRoutes.bodyBytes
        let buffer = try await stopwatch.within(ControlRoutes.answerLimit) {
            try await request.body.collect(upTo: limit)
        }
        let body = Data(buffer.readableBytesView)
        if case .signature(let signature, _) = context.proof,
            signature.bodyDigest != RequestSignature.digest(of: body)
        {
            throw AccessError("the body is not the one that was signed")
        }
        return body
    }

    /// The key that signs the request for the leader.
    private func key(for context: ControlContext) throws -> AccessKey {
        if let key = context.proof?.key, key.isShared { return key }
        if let shared = register.current.shared { return shared }
        throw AccessError(
            "this controller stands by, and has no token that the leader knows too: give all controllers of one name "
                + "the same tokenFile")
    }

    private static func response(_ answer: HTTPClientResponse) -> Response {
        var headers = HTTPFields()
        for (name, value) in answer.headers where answeredFields.contains(name.lowercased()) {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        let body = answer.body
        return Response(
            status: .init(code: Int(answer.status.code)), headers: headers,
            body: ResponseBody { writer in
                // Cancelled on shutdown, so that an open stream does not delay the end of this controller.
                for try await chunk in body.cancelOnGracefulShutdown() { try await writer.write(chunk) }
                try await writer.finish(nil)
            })
    }
}

/// Transports to leaders, one per token and address, because a leader's challenge can be used for many requests.
final class LeaderTransports: Sendable {
    private static let most = 64

    private struct Key: Hashable {
        var api: String
        var key: AccessKey
        var silenceSeconds: Int64
    }

    private let tls: ServerCertificates?
    private let made = Mutex<[Key: ControlTransport]>([:])

    init(tls: ServerCertificates?) { self.tls = tls }

    func transport(to api: String, as key: AccessKey, silenceSeconds: Int64) throws -> ControlTransport {
        let place = Key(api: api, key: key, silenceSeconds: silenceSeconds)
        if let transport = made.withLock({ $0[place] }) { return transport }
        let transport = ControlTransport(
            place: .network(base: Self.base(api)), credential: .signing(key.secret),
            http: try ControlClients.client(trust(api), silenceSeconds: silenceSeconds))
        made.withLock { made in
            if made.count >= Self.most { made.removeAll() }
            made[place] = transport
        }
        return transport
    }

    func open(at api: String) throws -> ControlTransport {
        ControlTransport(
            place: .network(base: Self.base(api)), credential: .none,
            http: try ControlClients.client(trust(api), silenceSeconds: 45))
    }

    /// Controllers of the same name share one certificate, which does not contain their pods' addresses. After a renewal, some
    /// controllers still have the previous certificate for a moment.
    private func trust(_ api: String) -> ClientTrust {
        guard api.hasPrefix("https:"), let tls else { return .standard }
        var trust = ClientTrust(certificates: tls.material.certificates, key: tls.material.key)
        trust.pinned = tls.material.certificates + (tls.former?.certificates ?? [])
        return trust
    }

    private static func base(_ api: String) -> String {
        var base = api[...]
        while base.hasSuffix("/") { base.removeLast() }
        return String(base)
    }
}
