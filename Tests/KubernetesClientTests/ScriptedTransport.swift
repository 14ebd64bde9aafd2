import Foundation
import KubernetesClient
import Synchronization

/// An API server that gives the answers of a test's script in order, and refuses requests that were not expected.
final class ScriptedTransport: KubernetesTransport {
    enum Answer: Sendable {
        case object(String, code: Int = 200, retryAfterSeconds: Int? = nil)
        case failure(APIError)
        /// Lines of a watch, after which the server ends it.
        case lines([String])
        /// Lines, after which the watch stays open until the reader leaves.
        case openLines([String])
        case brokenLines([String], APIError)
    }

    private struct State {
        var answers: [Answer]
        var requests: [APIRequest] = []
    }

    private let state: Mutex<State>

    init(_ answers: [Answer]) { state = Mutex(State(answers: answers)) }

    var requests: [APIRequest] { state.withLock { $0.requests } }
    var targets: [String] { requests.map(\.target) }

    private func next(_ request: APIRequest) throws -> Answer {
        try state.withLock { state in
            state.requests.append(request)
            guard !state.answers.isEmpty else {
                throw APIError(.transport, message: "the script is over", request: request.target)
            }
            return state.answers.removeFirst()
        }
    }

    func send(_ request: APIRequest, timeout: Duration) async throws -> APIResponse {
        switch try next(request) {
        case .object(let text, let code, let retryAfterSeconds):
            return APIResponse(code: code, body: Data(text.utf8), retryAfterSeconds: retryAfterSeconds)
        case .failure(let error): throw error
        case .lines, .openLines, .brokenLines:
            throw APIError(.malformed, message: "the script has a watch here, and was asked \(request.target)")
        }
    }

    func lines(_ request: APIRequest, idleTimeout: Duration) async throws -> AsyncThrowingStream<Data, any Error> {
        let (stream, continuation) = AsyncThrowingStream<Data, any Error>.makeStream()
        switch try next(request) {
        case .object(let text, let code, _):
            throw APIError.answer(code: code, body: Data(text.utf8), request: request)
        case .failure(let error): throw error
        case .lines(let lines):
            for line in lines { continuation.yield(Data(line.utf8)) }
            continuation.finish()
        case .openLines(let lines):
            for line in lines { continuation.yield(Data(line.utf8)) }
        case .brokenLines(let lines, let error):
            for line in lines { continuation.yield(Data(line.utf8)) }
            continuation.finish(throwing: error)
        }
        return stream
    }
}

/// A ConfigMap, with the fields that tests read.
struct Settings: KubernetesObject, Hashable {
    static let resource = ResourceType.configMaps
    var metadata: ObjectMetadata
    var data: [String: String]?

    static func json(_ name: String, version: String, labels: String = "{}", data: String = "{}") -> String {
        #"{"kind":"ConfigMap","metadata":{"name":"\#(name)","namespace":"a","uid":"u-\#(name)","resourceVersion":"\#(version)","#
            + #""labels":\#(labels)},"data":\#(data)}"#
    }

    static func page(_ objects: [String], version: String, continuing: String? = nil) -> String {
        let token = continuing.map { #","continue":"\#($0)""# } ?? ""
        return #"{"metadata":{"resourceVersion":"\#(version)"\#(token)},"items":[\#(objects.joined(separator: ","))]}"#
    }

    static func event(_ type: String, _ object: String) -> String { #"{"type":"\#(type)","object":\#(object)}"# }

    static func bookmark(_ version: String, endsInitialEvents: Bool = false) -> String {
        let notes = endsInitialEvents ? #","annotations":{"k8s.io/initial-events-end":"true"}"# : ""
        return event("BOOKMARK", #"{"kind":"ConfigMap","metadata":{"resourceVersion":"\#(version)"\#(notes)}}"#)
    }
}

struct ConditionNeverMet: Error {}

/// Waits until a condition holds, with a time limit.
func eventually(within limit: Duration = .seconds(20), _ isSo: @Sendable () async -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while await !isSo() {
        guard ContinuousClock.now < end else { throw ConditionNeverMet() }
        try await Task.sleep(for: .milliseconds(5))
    }
}
