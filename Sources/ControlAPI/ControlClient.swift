import AsyncHTTPClient
import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import SafeText
import Serving
import Transport

import enum NIOHTTP1.HTTPMethod

/// A client for the controller's API, used by the commands. Every call has a time-out.
///
/// # Guarantees
/// Those of `ControlTransport`: a token is sent only over verified TLS, and an answer counts only if its sender was verified.
///
/// # Errors
/// `ControlError` if the controller refuses, `ControlClientError` if it cannot be asked.
package struct ControlClient: Sendable {
    /// The maximum size of an answer: a status of ten thousand deployments has about 10 MB.
    static let answerBytes = 64 << 20
    static let callLimit: Duration = .seconds(30)
    /// Longer than the server's own limit, so that people see the server's explanation.
    static let syncLimit: Duration = .seconds(130)
    private static let callSilenceSeconds: Int64 = 180
    /// The server sends a heartbeat every 15 seconds.
    private static let streamSilenceSeconds: Int64 = 45

    package let server: URL
    /// Of all calls of this process.
    private static let stopwatch = ClientClock()
    private let calls: ControlTransport
    private let streams: ControlTransport

    /// Connects over the network.
    /// - Parameter token: nil or empty means none; then only `isReady` works.
    /// - Throws: `CertificateProblem`.
    package init(server: URL, token: String? = nil, trust: ClientTrust = .standard) throws {
        self.server = server
        var base = server.absoluteString
        while base.hasSuffix("/") { base.removeLast() }
        let token = token?.isEmpty == true ? nil : token
        let credential: ControlTransport.Credential =
            if let token { server.scheme == "https" ? .bearer(token) : .signing(token) } else { .none }
        func transport(_ silenceSeconds: Int64) throws -> ControlTransport {
            ControlTransport(
                place: .network(base: base), credential: credential,
                http: try ControlClients.client(trust, silenceSeconds: silenceSeconds))
        }
        calls = try transport(Self.callSilenceSeconds)
        streams = try transport(Self.streamSilenceSeconds)
    }

    /// Connects over the local socket of a controller on this machine.
    /// - Parameters:
    ///   - server: its address, for messages.
    ///   - token: nil or empty means none; then the kernel identifies the user.
    /// - Throws: `LocalSocketError`.
    package init(socket: String, of server: URL, token: String? = nil) throws {
        self.server = server
        let path = try LocalSocketPaths.connectable(socket)
        let token = token?.isEmpty == true ? nil : token
        let credential: ControlTransport.Credential = token.map { .signing($0) } ?? .none
        func transport(_ silenceSeconds: Int64) throws -> ControlTransport {
            ControlTransport(
                place: .socket(path: path), credential: credential,
                http: try ControlClients.client(silenceSeconds: silenceSeconds))
        }
        calls = try transport(Self.callSilenceSeconds)
        streams = try transport(Self.streamSilenceSeconds)
    }

    // MARK: Looking

    /// - Parameters:
    ///   - limit: a time limit, if it is shorter than that of a normal call.
    ///   - project: limits the answer to this project's sources and deployments.
    package func status(
        within limit: Duration? = nil, project: String? = nil
    ) async throws -> ControllerStatus {
        let limit = min(limit ?? Self.callLimit, Self.callLimit)
        let request = request(.GET, APIPath.deployments, query: [("project", project)])
        return try decode(try await call(request, within: limit))
    }

    package func status(of deployment: DeploymentKey) async throws -> DeploymentStatus {
        try await get(path(of: deployment))
    }

    /// Newest first.
    package func history(of deployment: DeploymentKey) async throws -> [HistoryEntry] {
        let list: HistoryList = try await get(path(of: deployment) + "/history")
        return list.history
    }

    /// Oldest first.
    package func logs(
        of deployment: DeploymentKey, revision: Revision? = nil, lines: Int = APILimits.defaultLogLines
    ) async throws -> [LogLine] {
        let list: LogList = try await get(
            path(of: deployment) + "/logs", query: [("revision", revision?.rawValue), ("lines", String(lines))])
        return list.lines
    }

    /// Newest first.
    package func events(
        of deployment: DeploymentKey? = nil, project: String? = nil, after id: Int? = nil,
        limit: Int = APILimits.defaultEvents
    ) async throws -> [StoredEvent] {
        let list: EventList = try await get(
            APIPath.events,
            query: [
                ("deployment", deployment?.description), ("project", project), ("after", id.map(String.init)),
                ("limit", String(limit)),
            ])
        return list.events
    }

    /// Events as they happen, oldest first. After a lost connection, the stream continues after the last event.
    /// - Parameter id: the last event that is already known; nil starts with new events.
    package func eventStream(
        of deployment: DeploymentKey? = nil, project: String? = nil, after id: Int? = nil
    ) -> EventSubscription {
        EventSubscription(client: self, deployment: deployment, project: project, position: id)
    }

    /// The audit trail, oldest first.
    package func auditEntries(after id: Int, limit: Int) async throws -> [AuditEntry] {
        let list: AuditList = try await get(APIPath.audit, query: [("after", String(id)), ("limit", String(limit))])
        return list.entries
    }

    /// Whether `commit` is `descendant` or an ancestor of it.
    package func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        let answer: AncestorAnswer = try await get(APIPath.ancestor, query: [("commit", commit), ("of", descendant)])
        return answer.ancestor
    }

    package func isReady() async throws -> Bool {
        do {
            _ = try await call(request(.GET, APIPath.readiness), openly: true)
            return true
        } catch let error as ControlError where error.code == .unavailable {
            return false
        }
    }

    /// In Prometheus' text form.
    package func metrics() async throws -> String {
        String(decoding: try await call(request(.GET, APIPath.metrics)), as: UTF8.self)
    }

    /// The explanation of a deployment's state.
    package func explanation(of deployment: DeploymentKey) async throws -> DeploymentExplanation {
        try await get(path(of: deployment) + "/explain")
    }

    /// The rollouts whose readings are stored, newest first.
    package func recordedRollouts(of deployment: DeploymentKey) async throws -> [RecordedRollout] {
        let list: RecordedRolloutList = try await get(path(of: deployment) + "/readings")
        return list.rollouts
    }

    /// The readings that a rollout's gates used, oldest first; empty if there are no more.
    /// - Parameter position: the position of the last known reading; 0 for none.
    package func recordedReadings(
        of rollout: RecordedRollout, after position: Int
    ) async throws -> [RecordedReading] {
        let list: RecordedReadingList = try await get(
            path(of: rollout.identity.deployment) + "/readings/\(rollout.number)", query: [("after", String(position))])
        return list.readings
    }

    // MARK: Acting

    /// Reports the outcomes of earlier answers.
    /// - Parameter lines: one JSON object per line, at most `APILimits.outcomes` outcomes.
    package func report(outcomes lines: String) async throws -> OutcomeReceipt {
        var request = request(.POST, APIPath.outcomes)
        request.headers.append(("content-type", "application/x-ndjson"))
        request.body = Data(lines.utf8)
        return try decode(try await call(request))
    }

    package func act(_ command: OperatorCommand, on deployment: DeploymentKey) async throws -> DeploymentStatus {
        let action = ControlAction(command.verb)
        var request = request(.POST, "\(path(of: deployment))/\(action.rawValue)")
        request.headers.append(("content-type", "application/json"))
        request.body = try APICoding.encode(ActionRequest(command))
        return try decode(try await call(request))
    }

    /// A link that signs in one browser, once.
    package func dashboardLink() async throws -> DashboardLink {
        try decode(try await call(request(.POST, APIPath.dashboardLink)))
    }

    /// Checks git at once. Returns when every deployment that changed has been reconciled once.
    /// - Parameter project: nil for all projects.
    package func sync(_ project: String? = nil) async throws -> [SourceStatus] {
        let request = request(.POST, APIPath.sync, query: [("project", project)])
        let answer: SyncAnswer = try decode(try await call(request, within: Self.syncLimit))
        return answer.sources
    }

    // MARK: Calling

    private func path(of deployment: DeploymentKey) -> String {
        "\(APIPath.deployments)/\(Escape.uriPart(deployment.namespace))/\(Escape.uriPart(deployment.name))"
    }

    private func get<Value: Decodable>(_ path: String, query: [(String, String?)] = []) async throws -> Value {
        try decode(try await call(request(.GET, path, query: query)))
    }

    private func request(_ method: HTTPMethod, _ path: String, query: [(String, String?)] = []) -> ControlCall {
        let terms = query.compactMap { name, value in value.map { "\(name)=\(Escape.uriPart($0))" } }
        return ControlCall(
            method: method, target: path + (terms.isEmpty ? "" : "?" + terms.joined(separator: "&")),
            headers: [("accept", "application/json"), ("user-agent", "mlctl")])
    }

    private func call(
        _ call: ControlCall, openly: Bool = false, within limit: Duration = ControlClient.callLimit
    ) async throws -> Data {
        try await reporting(limit: limit) {
            try await Self.stopwatch.within(limit) { [calls] in
                let response = try await (openly ? calls.sendOpenly(call) : calls.send(call))
                let data = try await response.body.whole(upTo: Self.answerBytes)
                guard (200..<300).contains(response.status.code) else {
                    throw self.refusal(Int(response.status.code), data)
                }
                return data
            }
        }
    }

    /// Opens an event stream and returns its body. The subscription reads it.
    func openEventStream(
        of deployment: DeploymentKey?, project: String?, after position: String?
    ) async throws -> HTTPClientResponse.Body {
        var request = request(
            .GET, APIPath.events, query: [("deployment", deployment?.description), ("project", project)])
        request.headers = [("accept", "text/event-stream"), ("user-agent", "mlctl")]
        if let position { request.headers.append(("last-event-id", position)) }
        let asked = request
        return try await reporting(limit: Self.callLimit) {
            // Without a time limit: the body outlives the call. The client's read time-out bounds the wait.
            let response = try await streams.send(asked)
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
            throw ControlClientError.unexpected(server: server.absoluteString, what: "its answer cannot be parsed")
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

    /// Turns errors of the transport into errors that tell people what to do.
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
        if let reason = TLSRefusal.reason(error) {
            return .untrusted(server: server.absoluteString, reason: reason)
        }
        return .unreachable(server: server.absoluteString, reason: TransportReason.text(error))
    }
}

/// Why a call got no usable answer. A refusal by the controller itself is a `ControlError`.
package enum ControlClientError: Error, Hashable, CustomStringConvertible, Sendable {
    /// Nothing answers at the address.
    case unreachable(server: String, reason: String)
    /// Something answers, but TLS does not prove that it is the controller, or the controller does not accept the client.
    case untrusted(server: String, reason: String)
    /// The server accepted the call but did not answer in time.
    case timedOut(server: String, limit: Duration)
    /// The token is missing or wrong, or the request's origin is not allowed.
    case refused(String)
    /// The answer is not one of a controller: another program answers, or another version of mlctl.
    case unexpected(server: String, what: String)

    package var description: String {
        switch self {
        case .unreachable(let server, let reason):
            "cannot reach the controller at \(server): is 'mlctl run' running? Set --server or MLCTL_SERVER (\(reason))"
        case .untrusted(let server, let reason): "\(server) cannot be trusted: \(reason)"
        case .timedOut(let server, let limit):
            "the controller at \(server) did not answer within \(limit)"
        case .refused(let message):
            message
        case .unexpected(let server, let what):
            "\(server) does not answer like a controller (\(what)): check --server and MLCTL_SERVER"
        }
    }
}
