import AsyncHTTPClient
import Controller
import Foundation
import ModelManifests
import Rollouts
import SafeText

/// The controller's API, as the commands call it. Every call has a time-out.
///
/// # Errors
/// `ControlError` where the controller refuses, `ControlClientError` where it cannot be asked.
public struct ControlClient: Sendable {
    /// Of one answer: a status of ten thousand deployments is about 10 MB.
    static let answerBytes = 64 << 20
    static let connectionLimit = 128
    static let callLimit: Duration = .seconds(30)
    /// Longer than the server's own limit, so that its explanation is what people see.
    static let syncLimit: Duration = .seconds(130)

    public let server: URL
    private let token: String?
    private let calls: HTTPClient
    private let streams: HTTPClient

    /// - Parameter token: sent as a bearer token; empty means none.
    public init(server: URL, token: String? = nil) {
        self.server = server
        self.token = token?.isEmpty == true ? nil : token
        calls = Self.calls
        streams = Self.streams
    }

    // Shared by all clients and never shut down, as `HTTPClient.shared` is, whose time-outs and redirects do not suit.
    private static let calls = client(silenceSeconds: 180)
    /// The server says that it is alive every 15 seconds.
    private static let streams = client(silenceSeconds: 45)

    private static func client(silenceSeconds: Int64) -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5), read: .seconds(silenceSeconds)))
        // A controller that is not there is told at once; whoever wants to wait for it tries again.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connectionLimit
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    // MARK: Looking

    /// - Parameter limit: for those who have less time than a call usually has.
    public func status(within limit: Duration? = nil) async throws -> ControllerStatus {
        let limit = min(limit ?? Self.callLimit, Self.callLimit)
        return try decode(try await call(request(.get, APIPath.deployments), within: limit))
    }

    public func status(of deployment: DeploymentKey) async throws -> DeploymentStatus {
        try await get(path(of: deployment))
    }

    /// Newest first.
    public func history(of deployment: DeploymentKey) async throws -> [HistoryEntry] {
        let list: HistoryList = try await get(path(of: deployment) + "/history")
        return list.history
    }

    /// Oldest first.
    public func logs(
        of deployment: DeploymentKey, revision: Revision? = nil, lines: Int = APILimits.defaultLogLines
    ) async throws -> [LogLine] {
        let list: LogList = try await get(
            path(of: deployment) + "/logs", query: [("revision", revision?.rawValue), ("lines", String(lines))])
        return list.lines
    }

    /// Newest first.
    public func events(
        of deployment: DeploymentKey? = nil, after id: Int? = nil, limit: Int = APILimits.defaultEvents
    ) async throws -> [StoredEvent] {
        let list: EventList = try await get(
            APIPath.events,
            query: [("deployment", deployment?.description), ("after", id.map(String.init)), ("limit", String(limit))])
        return list.events
    }

    /// Events as they happen, oldest first; comes back after a lost connection where it left off.
    /// - Parameter id: the last one that is known; nil: from now on.
    public func eventStream(of deployment: DeploymentKey? = nil, after id: Int? = nil) -> EventSubscription {
        EventSubscription(client: self, deployment: deployment, position: id)
    }

    /// Whether `commit` is `descendant` or an ancestor of it.
    public func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        let answer: AncestorAnswer = try await get(APIPath.ancestor, query: [("commit", commit), ("of", descendant)])
        return answer.ancestor
    }

    public func isReady() async throws -> Bool {
        do {
            _ = try await call(request(.get, APIPath.readiness))
            return true
        } catch let error as ControlError where error.code == .unavailable {
            return false
        }
    }

    /// In Prometheus' text form.
    public func metrics() async throws -> String {
        String(decoding: try await call(request(.get, APIPath.metrics)), as: UTF8.self)
    }

    /// Why a deployment is as it is.
    public func explanation(of deployment: DeploymentKey) async throws -> DeploymentExplanation {
        try await get(path(of: deployment) + "/explain")
    }

    /// Rollouts whose readings are kept, newest first.
    public func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] {
        let list: RecordedRolloutList = try await get(path(of: deployment) + "/readings")
        return list.rollouts
    }

    /// What a rollout was judged on, oldest first; empty where there is no more.
    /// - Parameter position: of the last reading that is known; 0 for none.
    public func recordedReadings(
        of rollout: RecordedRollout, after position: Int
    ) async throws -> [RecordedReading] {
        let list: RecordedReadingList = try await get(
            path(of: rollout.identity.deployment) + "/readings/\(rollout.number)", query: [("after", String(position))])
        return list.readings
    }

    // MARK: Acting

    /// Reports what answers turned out to be worth.
    /// - Parameter lines: one JSON object a line, at most `APILimits.outcomes` outcomes.
    public func report(outcomes lines: String) async throws -> OutcomeReceipt {
        var request = request(.post, APIPath.outcomes)
        request.headers.add(name: "content-type", value: "application/x-ndjson")
        request.body = .bytes(Data(lines.utf8))
        return try decode(try await call(request))
    }

    public func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus {
        let action = ControlAction(command.verb)
        var request = request(.post, "\(path(of: deployment))/\(action.rawValue)")
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(try APICoding.encode(ActionRequest(command)))
        return try decode(try await call(request))
    }

    /// Looks at git at once; returns when every deployment that it changed has been reconciled once.
    public func sync() async throws -> SourceStatus {
        try decode(try await call(request(.post, APIPath.sync), within: Self.syncLimit))
    }

    // MARK: Calling

    private func path(of deployment: DeploymentKey) -> String {
        "\(APIPath.deployments)/\(Escape.uriPart(deployment.namespace))/\(Escape.uriPart(deployment.name))"
    }

    private func get<Value: Decodable>(_ path: String, query: [(String, String?)] = []) async throws -> Value {
        try decode(try await call(request(.get, path, query: query)))
    }

    private enum Method { case get, post }

    private func request(_ method: Method, _ path: String, query: [(String, String?)] = []) -> HTTPClientRequest {
        var base = server.absoluteString
        while base.hasSuffix("/") { base.removeLast() }
        let terms = query.compactMap { name, value in value.map { "\(name)=\(Escape.uriPart($0))" } }
        var request = HTTPClientRequest(url: base + path + (terms.isEmpty ? "" : "?" + terms.joined(separator: "&")))
        request.method = method == .get ? .GET : .POST
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "user-agent", value: "mlctl")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        return request
    }

    private func call(_ request: HTTPClientRequest, within limit: Duration = ControlClient.callLimit) async throws
        -> Data
    {
        try await reporting(limit: limit) {
            try await withDeadline(limit) { [calls] in
                let response = try await calls.execute(request, deadline: .distantFuture)
                let body = try await response.body.collect(upTo: Self.answerBytes)
                let data = Data(body.readableBytesView)
                guard (200..<300).contains(response.status.code) else {
                    throw self.refusal(Int(response.status.code), data)
                }
                return data
            }
        }
    }

    /// The head of an event stream's answer; its body is read by the subscription.
    func openEventStream(of deployment: DeploymentKey?, after position: String?) async throws -> HTTPClientResponse.Body
    {
        var request = request(.get, APIPath.events, query: [("deployment", deployment?.description)])
        request.headers.replaceOrAdd(name: "accept", value: "text/event-stream")
        if let position { request.headers.add(name: "last-event-id", value: position) }
        let asked = request
        return try await reporting(limit: Self.callLimit) {
            // Not within `withDeadline`: the body outlives the call. The client's read time-out bounds the wait.
            let response = try await streams.execute(asked, deadline: .distantFuture)
            guard response.status == .ok else {
                let body = try await response.body.collect(upTo: Self.answerBytes)
                throw refusal(Int(response.status.code), Data(body.readableBytesView))
            }
            return response.body
        }
    }

    private func decode<Value: Decodable>(_ data: Data) throws -> Value {
        do {
            return try APICoding.decode(Value.self, from: data)
        } catch {
            throw ControlClientError.unexpected(server: server.absoluteString, what: "an answer that cannot be read")
        }
    }

    private func refusal(_ status: Int, _ body: Data) -> any Error {
        guard let answer = try? APICoding.decode(ErrorAnswer.self, from: body) else {
            return ControlClientError.unexpected(server: server.absoluteString, what: "HTTP status \(status)")
        }
        if let code = ControlError.Code(rawValue: answer.error.code) { return ControlError(code, answer.error.message) }
        if status == 401 || status == 403 { return ControlClientError.refused(answer.error.message) }
        return ControlClientError.unexpected(server: server.absoluteString, what: answer.error.message)
    }

    /// Turns what the transport says into what a person can act on.
    private func reporting<Value>(limit: Duration, _ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch let error as ControlClientError {
            throw error
        } catch let error as ControlError {
            throw error
        } catch is DeadlineExceeded {
            throw ControlClientError.timedOut(server: server.absoluteString, limit: limit)
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw unreachable(error)
        }
    }

    func unreachable(_ error: any Error) -> ControlClientError {
        .unreachable(server: server.absoluteString, reason: TransportReason.text(error))
    }
}
