import Analysis
import Foundation
import JSON
import ModelManifests
import NIOSSL
import Rollouts
import SafeText

/// A JSON endpoint. The query is the path of a number in its answer: `metrics.accuracy`, `results[0].value`.
///
/// # Guarantees
/// - Ends within the access's `timeout`, holds at most `answerBytes`, and follows no redirect.
package struct WebSource: Sendable {
    package static let answerBytes = 1 << 20

    typealias Transport = @Sendable (SourceRequest, TLSConfiguration) async throws -> SourceResponse

    private let settings: WebSettings
    private let environment: [String: String]
    private let certificates: SourceCertificates
    private let transport: Transport

    /// - Parameter environment: the controller's, for header values.
    package init(_ settings: WebSettings, environment: [String: String]) {
        let timeout = settings.access.timeout
        self.init(settings, environment: environment) { request, tls in
            try await SourceTransport.send(request, tls: tls, timeout: timeout, bytes: Self.answerBytes)
        }
    }

    init(_ settings: WebSettings, environment: [String: String], transport: @escaping Transport) {
        self.settings = settings
        self.environment = environment
        certificates = SourceCertificates(settings.access)
        self.transport = transport
    }

    /// - Parameter candidate: its revision and version fill the URL's placeholders.
    package func measure(_ query: String, of deployment: DeploymentKey, candidate: Inquiry.Side) async -> Measured {
        await .of {
            guard let path = JSONPath(query) else {
                throw SourceError(.invalidQuery, "'\(query.prefix(80))' is not a JSON path, such as metrics.accuracy")
            }
            let placeholders = Placeholders(deployment: deployment, side: candidate)
            let request = try request(placeholders)
            let response = try await transport(request, try certificates.tlsConfiguration())
            if let refusal = response.refusal(by: settings.address.base) { throw refusal }
            return NumberAtPath.measure(path, in: response.body)
        }
    }

    func request(_ placeholders: Placeholders) throws -> SourceRequest {
        SourceRequest(
            url: try placeholders.fill(settings.address.base, as: .url),
            headers: [
                SourceRequest.Header(name: "Accept", value: "application/json"),
                SourceRequest.Header(name: "User-Agent", value: "mlctl"),
            ] + (try settings.headers.map { SourceRequest.Header(name: $0.name, value: try value(of: $0)) }))
    }

    private func value(of header: WebSettings.Header) throws -> String {
        switch header.value {
        case .file(let path): return try SecretFile(path: path).read()
        case .environment(let name):
            guard let value = environment[name], !value.isEmpty, Escape.headerValue(value) != nil else {
                throw SourceError(
                    .missingSecret,
                    "the controller's environment has no variable \(name) with a single line, for the header \(header.name)"
                )
            }
            return value
        }
    }
}
