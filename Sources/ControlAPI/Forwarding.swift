import AsyncHTTPClient
import Controller
import Foundation
import HTTPTypes
import Hummingbird
import ServiceLifecycle
import Synchronization
import Transport

import enum NIOHTTP1.HTTPMethod

/// Where the controller stands by, hands what is asked to the one who leads, in the caller's name.
///
/// # Guarantees
/// - Nothing that a standby has in memory is an answer: without the leader it is 503, with the reason. One that led, and knows
///   of nobody who leads now, answers questions with what it knew last: the surface says how old that is.
/// - The leader's address stands in the lease, and whoever may write the lease could name another one. So no token is sent
///   there: the request is signed with the caller's (`RequestSignature`), and the answer has to prove that its sender knows
///   it too. A user of this machine, who has none, is vouched for with a token that all controllers of the name have.
/// - A request is handed on once: a second controller that stands by refuses it, unless it remembers.
/// - Time to connect, to answer and of silence is bounded. Answers are passed through, and not collected.
struct Forwarding: RouterMiddleware {
    typealias Context = ControlContext

    static let mark = "mlctl-forwarded-by-standby"
    /// All others are for the connection, or for this controller's guard, which has seen them.
    private static let passedFields: Set<String> = ["accept", "content-type", "last-event-id", "user-agent"]
    private static let answeredFields: Set<String> = [
        "cache-control", "content-type", "retry-after", "www-authenticate",
    ]
    /// Longer than the leader's own limit, so that its explanation is what people see.
    private static let margin: Duration = .seconds(5)
    /// Of an event stream: the leader says every 15 s that it is there.
    private static let silenceSeconds: Int64 = 45

    let register: AccessRegister
    let standing: @Sendable () async -> LeaderStanding
    let leaders: LeaderTransports
    let stopwatch: Stopwatch

    init(
        register: AccessRegister, tls: ServerCertificates? = nil,
        stopwatch: Stopwatch, standing: @escaping @Sendable () async -> LeaderStanding
    ) {
        self.register = register
        self.stopwatch = stopwatch
        self.standing = standing
        leaders = LeaderTransports(tls: tls)
    }

    func handle(
        _ request: Request, context: ControlContext,
        next: (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        guard !APIPath.own.contains(request.uri.path),
            case .standsBy(let leader, let api, let reason, let remembers) = await standing()
        else { return try await next(request, context) }
        if remembers, Self.asksWhatIsKnown(request) { return try await next(request, context) }
        if request.headers.contains(where: { $0.name.canonicalName == Self.mark }) {
            throw ControlError(.unavailable, "the lead is changing hands: \(reason). Try again in some seconds")
        }
        guard let leader, let api else {
            throw ControlError(
                .unavailable, leader == nil ? reason : "\(reason). Its lease does not say where it answers")
        }
        guard let url = URL(string: api), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
            throw ControlError(.unavailable, "\(leader) leads, and its address in the lease, '\(api)', is none")
        }
        do {
            return try await forward(request, context, to: api)
        } catch ControlClientError.refused(let reason) {
            throw AccessError(
                "\(leader), which leads, does not know this controller's token: give all controllers of one name the same "
                    + "token files (\(reason))")
        } catch let error as AccessError {
            throw error
        } catch {
            try Task.checkCancellation()
            if let error = error as? any HTTPResponseError { throw error }
            throw ControlError(
                .unavailable,
                "this controller stands by, and \(leader), which leads, cannot be asked at \(api): "
                    + "\(TransportReason.text(error)). What serves goes on serving; try again in some seconds")
        }
    }

    /// It changes nothing, and is no stream of what will be.
    private static func asksWhatIsKnown(_ request: Request) -> Bool {
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
            // The git hook, which wants no proof and whose body nobody reads.
            return Self.response(try await leaders.open(at: api).sendOpenly(call))
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

    /// What the leader is shown for the caller.
    private func key(for context: ControlContext) throws -> AccessKey {
        if let key = context.proof?.key, key.isShared { return key }
        if let shared = register.current.shared { return shared }
        throw AccessError(
            "this controller stands by, and has no token that the one who leads knows too: give all controllers of one name "
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
                // A stream that the leader keeps open does not hold up the end of this controller.
                for try await chunk in body.cancelOnGracefulShutdown() { try await writer.write(chunk) }
                try await writer.finish(nil)
            })
    }
}

/// Ways to those who lead, one for each token and address: the challenge that a leader gave is good for many requests.
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

    /// Controllers of one name have one certificate, which names none of their pods' addresses. One that was renewed a moment
    /// ago is not there yet at all of them.
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
