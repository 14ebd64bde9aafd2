import AsyncHTTPClient
import Controller
import Foundation
import HTTPTypes
import Hummingbird
import ServiceLifecycle

import struct NIOHTTP1.HTTPHeaders
import enum NIOHTTP1.HTTPMethod

/// Where the controller stands by, hands what is asked to the one who leads, with the caller's token.
///
/// # Guarantees
/// - Nothing that a standby has in memory is an answer: without the leader it is 503, with the reason. One that led, and knows
///   of nobody who leads now, answers questions with what it knew last: the surface says how old that is.
/// - A request is handed on once: a second controller that stands by refuses it, unless it remembers.
/// - Time to connect, to answer and of silence is bounded. Bodies are passed through in both directions, not collected.
///
/// # Caveats
/// - The leader's address stands in the lease: whoever may write the lease can name another one, and is sent the tokens.
struct Forwarding: RouterMiddleware {
    typealias Context = BasicRequestContext

    static let mark = "mlctl-forwarded-by-standby"
    /// All others are for the connection, or for this controller's guard, which has seen them.
    private static let passedFields: Set<String> = [
        "accept", "authorization", "content-type", "last-event-id", "user-agent",
    ]
    private static let answeredFields: Set<String> = [
        "cache-control", "content-type", "retry-after", "www-authenticate",
    ]
    private static let connectSeconds: Int64 = 5
    /// Longer than the leader's own limit, so that its explanation is what people see.
    private static let margin: Duration = .seconds(5)
    /// Of an event stream: the leader says every 15 s that it is there.
    private static let silenceSeconds: Int64 = 45
    private static let connectionLimit = 128

    // Shared and never shut down, as `ControlClient`'s.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(connectSeconds), read: .seconds(silenceSeconds)))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionLimit
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
    /// The same, for a look at git: it is silent for as long as that takes.
    private static let patientClient: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(connectSeconds)))
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    let standing: @Sendable () async -> LeaderStanding

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
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
            return try await forward(request, to: api)
        } catch {
            try Task.checkCancellation()
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

    private func forward(_ request: Request, to api: String) async throws -> Response {
        var base = api[...]
        while base.hasSuffix("/") { base.removeLast() }
        var asked = HTTPClientRequest(url: base + request.uri.string)
        asked.method = HTTPMethod(rawValue: request.method.rawValue)
        for field in request.headers where Self.passedFields.contains(field.name.canonicalName) {
            asked.headers.add(name: field.name.canonicalName, value: field.value)
        }
        asked.headers.add(name: Self.mark, value: "1")
        if request.method != .get, request.method != .head {
            let length = request.headers[.contentLength].flatMap { Int64($0) }
            asked.body = .stream(request.body, length: length.map { .known($0) } ?? .unknown)
        }
        return Self.response(try await answer(to: asked, request))
    }

    private func answer(to asked: HTTPClientRequest, _ request: Request) async throws -> HTTPClientResponse {
        if request.headers[.accept]?.contains("text/event-stream") == true {
            return try await Self.client.execute(asked, deadline: .distantFuture)
        }
        let isLook = request.uri.path == APIPath.sync
        let limit = (isLook ? ControlRoutes.syncLimit : ControlRoutes.answerLimit) + Self.margin
        return try await (isLook ? Self.patientClient : Self.client).execute(
            asked, timeout: .seconds(limit.components.seconds))
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
