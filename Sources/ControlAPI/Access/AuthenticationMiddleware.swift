import ControlPorts
import Foundation
import HTTPTypes
import Hummingbird

/// Refuses every sender without a valid proof of identity, before any work is done for the request.
struct AuthenticationMiddleware: RouterMiddleware {
    typealias Context = ControlContext

    /// Contains a new challenge. Every answer with status 401 has this header.
    static let challengeHeader = "mlctl-challenge"

    private static let noToken =
        "this controller requires a token: set MLCTL_TOKEN or --token. Commands of its own user need none (--state-dir)"

    let requestGuard: RequestGuard
    let authenticator: Authenticator
    let connections: ConnectionTable
    let browsers: BrowserDoor
    let sessions: BrowserSessions
    /// Whether the listener uses TLS.
    let isSecure: Bool

    func handle(
        _ request: Request, context: ControlContext, next: (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        let head = RequestGuard.Head(
            path: request.uri.path, isRead: request.method == .get || request.method == .head,
            authority: request.head.authority, origin: request.headers[.origin],
            fetchSite: request.headers.first { $0.name.canonicalName == "sec-fetch-site" }?.value)
        switch requestGuard.door(of: head) {
        case .open: return try await next(request, context)
        case .closed(let reason):
            return Response.json(try APICoding.encode(ErrorAnswer(code: "forbidden", message: reason)), .forbidden)
        case .wantsCaller: break
        }
        // This path always answers 401: clients that sign requests get their challenge from it.
        if head.path == APIPath.challenge { return try unauthorized(Self.noToken, context) }
        let localUser = connections.localUser(of: context.channel)
        if request.headers[.authorization] == nil, localUser == nil, BrowserPath.isPage(head.path) || head.isRead {
            if let holder = session(of: request) { return try await answer(request, context, .session(holder), next) }
            // Programs get 401, as everywhere.
            if BrowserPath.isPage(head.path), request.headers[.accept]?.contains("text/html") == true {
                connections.doubt(context.channel)
                return head.isRead
                    ? browsers.answer(
                        path: head.path, query: request.uri.query, fetchSite: head.fetchSite, now: Date())
                    : browsers.refusal(path: head.path, now: Date())
            }
        }
        let outcome = authenticator.authenticate(
            method: request.method.rawValue, target: request.uri.string,
            authorization: request.headers[.authorization],
            localUser: localUser)
        switch outcome {
        case .nothing:
            return try unauthorized(Self.noToken, context)
        case .rejected(let reason): return try unauthorized(reason, context)
        case .busy(let reason): throw ControlError(.unavailable, reason)
        case .proved(let proof): return try await answer(request, context, proof, next)
        }
    }

    /// A browser's cookie counts on pages and their forms, and for reading the API: forms carry a token of their own.
    private func session(of request: Request) -> BrowserSessions.Holder? {
        let name = BrowserCookie.name(authority: request.head.authority, isSecure: isSecure)
        return request.headers[.cookie].flatMap { BrowserCookie.value(in: $0, name: name) }
            .flatMap { sessions.holder(of: $0) }
    }

    private func answer(
        _ request: Request, _ context: ControlContext, _ proof: ControlContext.Proof,
        _ next: (Request, ControlContext) async throws -> Response
    ) async throws -> Response {
        guard connections.prove(context.channel, caller: proof.caller.name) else {
            throw ControlError(
                .unavailable,
                "'\(proof.caller.name)' has \(ConnectionLimits.api.ofCaller) connections already: close some of them")
        }
        var context = context
        context.proof = proof
        var response = try await next(request, context)
        if case .signature(let signature, let key) = proof, let name = HTTPField.Name(AnswerProof.header) {
            response.headers[name] = AnswerProof.text(
                nonce: signature.nonce, status: response.status.code, secret: key.secret)
        }
        return response
    }

    private func unauthorized(_ message: String, _ context: ControlContext) throws -> Response {
        connections.doubt(context.channel)
        var response = Response.json(
            try APICoding.encode(ErrorAnswer(code: "unauthorized", message: message)), .unauthorized)
        response.headers[.wwwAuthenticate] = "Bearer, \(RequestSignature.scheme)"
        if let name = HTTPField.Name(Self.challengeHeader) {
            response.headers[name] = authenticator.challenges.issue()
        }
        return response
    }
}
