import AsyncHTTPClient
import ControlPorts
import Foundation
import NIOCore
import Synchronization

import struct NIOHTTP1.HTTPHeaders
import enum NIOHTTP1.HTTPMethod

/// One call of the API, before it is signed.
struct ControlCall: Sendable {
    var method: HTTPMethod = .GET
    /// Path and query.
    var target: String
    var headers: [(String, String)] = []
    var body = Data()
}

/// Sends calls to one controller and proves the sender's identity without revealing the token.
///
/// # Guarantees
/// - A token is sent only over TLS with a verified certificate. Without TLS the token signs requests (`RequestSignature`), and an
///   answer counts only if it proves that its sender knows the token too.
/// - Without a token, nothing but a request for a challenge is sent over the network.
/// - The process at the other end of a local socket belongs to this user, or, if this user is root, to the owner of the socket's
///   folder.
struct ControlTransport: Sendable {
    enum Place: Sendable {
        /// Without a trailing slash.
        case network(base: String)
        case socket(path: String)
    }

    enum Credential: Sendable {
        /// The kernel identifies the user (`Place.socket`). Over the network the caller is unknown.
        case none
        case bearer(String)
        case signing(String)
    }

    static let challengeLimit: Duration = .seconds(10)
    private static let refusalBytes = 64 << 10

    let place: Place
    let credential: Credential
    let http: HTTPClient
    private let challenge = ChallengeCache()

    init(place: Place, credential: Credential, http: HTTPClient) {
        self.place = place
        self.credential = credential
        self.http = http
    }

    /// - Parameter timeout: until the head of the answer has arrived; nil uses the client's own limits.
    /// - Throws: `ControlClientError` if the server is not a controller or refuses the caller; errors of the transport.
    func send(_ call: ControlCall, timeout: Duration? = nil) async throws -> HTTPClientResponse {
        switch credential {
        case .signing(let secret): return try await sendSigned(call, secret, timeout)
        case .bearer(let token):
            return try await execute(call, adding: [("authorization", "Bearer \(token)")], timeout)
        case .none:
            if case .network = place { throw try await missingTokenError() }
            return try await execute(call, adding: [], timeout)
        }
    }

    /// For requests that need no proof, such as probes.
    func sendOpenly(_ call: ControlCall) async throws -> HTTPClientResponse {
        try await execute(call, adding: [], Self.challengeLimit)
    }

    // MARK: Signing

    private func sendSigned(_ call: ControlCall, _ secret: String, _ timeout: Duration?) async throws
        -> HTTPClientResponse
    {
        var response = try await attempt(call, secret, timeout)
        // The challenge was too old or from before a restart of the controller. The refusal contains a new one.
        if response.answer.status.code == 401, response.isStale { response = try await attempt(call, secret, timeout) }
        if response.answer.status.code == 401 { throw try await refusal(response.answer) }
        let proof = response.answer.headers.first(name: AnswerProof.header)
        let status = Int(response.answer.status.code)
        guard AnswerProof.isValid(proof, nonce: response.nonce, status: status, secret: secret) else {
            throw ControlClientError.unexpected(
                server: shown, what: "it does not prove that it knows the token: another program may use its port")
        }
        return response.answer
    }

    private struct Attempt {
        var answer: HTTPClientResponse
        var nonce: String
        /// Whether the request was sent with a remembered challenge and the answer brought a new one.
        var isStale: Bool
    }

    private func attempt(_ call: ControlCall, _ secret: String, _ timeout: Duration?) async throws -> Attempt {
        let known = challenge.value
        let challenge = if let known { known } else { try await askForChallenge() }
        var generator = SystemRandomNumberGenerator()
        let nonce = Base64URL.encode(
            Data((0..<RequestSignature.nonceBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }))
        let signature = RequestSignature(
            method: call.method.rawValue, target: call.target, body: call.body, challenge: challenge, nonce: nonce,
            secret: secret)
        let answer = try await execute(call, adding: [("authorization", signature.authorization)], timeout)
        if answer.status.code == 401 {
            self.challenge.value = answer.headers.first(name: AuthenticationMiddleware.challengeHeader)
        }
        return Attempt(answer: answer, nonce: nonce, isStale: known != nil && self.challenge.value != nil)
    }

    private func askForChallenge() async throws -> String {
        let answer = try await sendOpenly(ControlCall(target: APIPath.challenge))
        guard answer.status.code == 401,
            let challenge = answer.headers.first(name: AuthenticationMiddleware.challengeHeader)
        else {
            throw notAControllerError("HTTP status \(answer.status.code) without a challenge")
        }
        _ = try await answer.body.collect(upTo: Self.refusalBytes)
        self.challenge.value = challenge
        return challenge
    }

    // MARK: Refusals

    /// Without a token, the client can only find out whether a controller answers, and how it refuses.
    private func missingTokenError() async throws -> ControlClientError {
        let answer = try await sendOpenly(ControlCall(target: APIPath.challenge))
        guard answer.status.code == 401 else { return notAControllerError("it requires no token") }
        return try await refusal(answer)
    }

    private func refusal(_ answer: HTTPClientResponse) async throws -> ControlClientError {
        let body = try await answer.body.collect(upTo: Self.refusalBytes)
        guard let said = try? APICoding.decode(ErrorAnswer.self, from: Data(body.readableBytesView)) else {
            return notAControllerError("HTTP status \(answer.status.code)")
        }
        return .refused(said.error.message)
    }

    private func notAControllerError(_ what: String) -> ControlClientError { .unexpected(server: shown, what: what) }

    private var shown: String {
        switch place {
        case .network(let base): base
        case .socket(let path): path
        }
    }

    // MARK: Sending

    private func execute(_ call: ControlCall, adding extra: [(String, String)], _ timeout: Duration?) async throws
        -> HTTPClientResponse
    {
        var request = HTTPClientRequest(url: url(of: call.target))
        request.method = call.method
        request.headers = HTTPHeaders(call.headers + extra)
        if !call.body.isEmpty { request.body = .bytes(call.body) }
        do {
            return try await execute(request, timeout)
        } catch let error as ChannelError where error == .ioOnClosedChannel {
            // An idle connection was closed at the same moment. Nothing of the request was sent.
            return try await execute(request, timeout)
        }
    }

    private func execute(_ request: HTTPClientRequest, _ timeout: Duration?) async throws -> HTTPClientResponse {
        guard let timeout else { return try await http.execute(request, deadline: .distantFuture) }
        return try await http.execute(request, timeout: TimeAmount(timeout))
    }

    private func url(of target: String) -> String {
        switch place {
        case .network(let base): base + target
        case .socket(let path): URL(httpURLWithSocketPath: path, uri: target)?.absoluteString ?? ""
        }
    }
}

/// The last challenge of the server. It can be used for many requests.
private final class ChallengeCache: Sendable {
    private let last = Mutex<String?>(nil)

    var value: String? {
        get { last.withLock { $0 } }
        set { last.withLock { $0 = newValue } }
    }
}
