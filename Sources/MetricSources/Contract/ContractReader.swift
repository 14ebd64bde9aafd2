import Analysis
import AsyncHTTPClient
import Foundation
import ModelManifests
import NIOCore
import Rollouts

/// Reads what both sides' models take and give, from one ready instance each.
///
/// # Guarantees
/// Ends within `timeout`; takes no more than 1 MiB of an answer; follows no redirect. Whatever goes wrong is an answer
/// that says which side, why, and what to do.
public struct ContractReader: Sendable {
    public static let timeout: Duration = .seconds(5)
    static let bytesLimit = 1 << 20

    private let timeout: Duration

    public init() { self.init(timeout: Self.timeout) }

    init(timeout: Duration) { self.timeout = timeout }

    public func read(_ inquiry: Inquiry, _ gate: ContractGate) async -> ContractAnswer {
        guard let stable = inquiry.stable else { return .unreadable("there is no stable revision to compare with") }
        let path = gate.path ?? "/v2/models/\(Self.escaped(inquiry.deployment.name))"
        async let ofStable = contract(of: stable, "stable", path: path)
        async let ofCandidate = contract(of: inquiry.candidate, "candidate", path: path)
        switch await (ofStable, ofCandidate) {
        case (.success(let stable), .success(let candidate)): return .read(stable: stable, candidate: candidate)
        case (.failure(let first), .failure(let second)): return .unreadable("\(first.message); \(second.message)")
        case (.failure(let fault), _), (_, .failure(let fault)): return .unreadable(fault.message)
        }
    }

    private func contract(
        of side: Inquiry.Side, _ name: String, path: String
    ) async -> Result<ModelContract, ModelMetadata.Fault> {
        guard let server = side.url else {
            return .failure(ModelMetadata.Fault(message: "\(name) has no ready instance to ask"))
        }
        do throws(ModelMetadata.Fault) {
            return .success(try ModelMetadata.contract(from: try await body(of: server + path)))
        } catch {
            return .failure(ModelMetadata.Fault(message: "\(name): \(server)\(path) \(error.message)"))
        }
    }

    private func body(of url: String) async throws(ModelMetadata.Fault) -> Data {
        let answer: (status: Int, body: Data)?
        do {
            answer = try await withThrowingTaskGroup(of: (Int, Data)?.self) { [timeout] group in
                group.addTask { try await ContractTransport.get(url, timeout: timeout, bytes: Self.bytesLimit) }
                // The client's own time limit ends with the head of the answer.
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
        } catch is NIOTooManyBytesError {
            throw ModelMetadata.Fault(message: "answers more than 1 MiB: is it the model's metadata?")
        } catch {
            throw ModelMetadata.Fault(message: "cannot be read: \(String(describing: error).prefix(120))")
        }
        guard let answer else { throw ModelMetadata.Fault(message: "does not answer within \(timeout.goText)") }
        if let refusal = Self.refusal(answer.status) { throw refusal }
        return answer.body
    }

    static func refusal(_ status: Int) -> ModelMetadata.Fault? {
        switch status {
        case 200: nil
        case 300..<400:
            ModelMetadata.Fault(message: "redirects (\(status)), which is not followed: give the final `path`")
        case 404:
            ModelMetadata.Fault(
                message: "does not exist (404): give the `path` where the server has the model's metadata")
        default: ModelMetadata.Fault(message: "answers \(status): see the server's log")
        }
    }

    private static func escaped(_ name: String) -> String {
        name.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~")))
            ?? ""
    }
}

/// The one place that opens a connection to a model server.
enum ContractTransport {
    /// Never shut down: it lives as long as the process, and closes connections that are idle.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    static func get(_ url: String, timeout: Duration, bytes: Int) async throws -> (Int, Data) {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "user-agent", value: "mlctl")
        let response = try await client.execute(request, timeout: TimeAmount(timeout))
        let body = try await response.body.collect(upTo: bytes)
        // The body of a cancelled call ends early, as if it were whole.
        try Task.checkCancellation()
        return (Int(response.status.code), Data(body.readableBytesView))
    }
}
