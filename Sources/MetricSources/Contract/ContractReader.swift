import Analysis
import Foundation
import ModelManifests
import Rollouts
import SafeText

/// Reads the inputs and outputs of the models of both revisions, from one ready instance each.
///
/// # Guarantees
/// Ends within `timeout`, reads at most 1 MiB of an answer, and follows no redirect. Every failure becomes an answer that says
/// which revision is affected, why, and what to do.
package struct ContractReader: Sendable {
    package static let timeout: Duration = .seconds(5)
    static let bytesLimit = 1 << 20

    private let timeout: Duration

    package init() { self.init(timeout: Self.timeout) }

    init(timeout: Duration) { self.timeout = timeout }

    package func read(_ inquiry: Inquiry, _ gate: ContractGate) async -> ContractAnswer {
        guard let stable = inquiry.stable else { return .unreadable("there is no stable revision to compare with") }
        let path = gate.path ?? "/v2/models/\(Escape.uriPart(inquiry.deployment.name))"
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
            return .failure(ModelMetadata.Fault(message: "\(name) has no ready instance"))
        }
        do throws(ModelMetadata.Fault) {
            return .success(try ModelMetadata.contract(from: try await body(of: server + path)))
        } catch {
            return .failure(ModelMetadata.Fault(message: "\(name): \(server)\(path) \(error.message)"))
        }
    }

    private func body(of url: String) async throws(ModelMetadata.Fault) -> Data {
        let headers = [SourceRequest.Header(name: "accept", value: "application/json")]
        do {
            let response = try await SourceTransport.send(
                SourceRequest(url: url, headers: headers), timeout: timeout, bytes: Self.bytesLimit)
            guard let refusal = Self.refusal(response.status) else { return response.body }
            throw refusal
        } catch let refusal as ModelMetadata.Fault {
            throw refusal
        } catch {
            throw ModelMetadata.Fault(message: "cannot be read: \(error)")
        }
    }

    private static func refusal(_ status: Int) -> ModelMetadata.Fault? {
        switch status {
        case 200: nil
        case 300..<400:
            ModelMetadata.Fault(
                message: "redirects (\(status)), and redirects are not followed: set `path` to the final path")
        case 404:
            ModelMetadata.Fault(
                message: "does not exist (404): set `path` to where the server has the model's metadata")
        default: ModelMetadata.Fault(message: "answered \(status): check the server's log")
        }
    }
}
