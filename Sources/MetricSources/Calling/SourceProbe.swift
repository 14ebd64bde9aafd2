import Foundation
import NIOSSL
import Transport

/// Checks whether a source answers. Used to inspect an installation before gates use the source.
package struct SourceProbe: Sendable {
    /// The result of a check.
    package struct Answer: Hashable, Sendable {
        /// Why the source would not answer gates; nil if no problem was found.
        package var problem: SourceError?
        /// The server's `Date` header, as written; nil if there was none.
        package var date: String?
        /// The address that was called, for messages. It contains no credentials.
        package var asked: String
    }

    typealias Transport = @Sendable (SourceRequest, TLSConfiguration?, Duration) async throws -> SourceResponse

    static let answerBytes = 1 << 20
    /// A query that every Prometheus server can answer.
    static let query = "vector(1)"

    private let transport: Transport

    package init() {
        self.init { request, tls, timeout in
            try await SourceTransport.send(request, tls: tls, timeout: timeout, bytes: Self.answerBytes)
        }
    }

    init(transport: @escaping Transport) { self.transport = transport }

    /// - Parameter limit: the time-out of the call; the source's own time-out is used if it is shorter.
    /// - Returns: nil for a command source: its program runs only for gates.
    package func ask(_ source: SourceSettings, within limit: Duration) async -> Answer? {
        switch source.kind {
        case .prometheus(let settings):
            let question = PrometheusQuery(text: Self.query, moments: .now, timeout: settings.access.timeout)
            return await answer(settings.address.base, settings.access, limit, judged: true) {
                question.request(to: settings.address.base, authorization: try settings.access.authorization())
            }
        case .web(let settings):
            // The URL's placeholders are filled in per deployment, so only the server's root can be called now. The headers may
            // contain secrets and are meant for the full URL, so they are not sent.
            let root = Self.root(of: settings.address.base)
            return await answer(root, settings.access, limit, judged: false) { SourceRequest(url: root) }
        case .command: return nil
        }
    }

    private func answer(
        _ place: String, _ access: SourceAccess, _ limit: Duration, judged isJudged: Bool,
        _ request: () throws -> SourceRequest
    ) async -> Answer {
        do {
            let tls = place.lowercased().hasPrefix("https") ? try SourceCertificates(access).tlsConfiguration() : nil
            let response = try await transport(try request(), tls, min(access.timeout, limit))
            return Answer(
                problem: isJudged ? response.refusal(by: place) : nil, date: response.date, asked: place)
        } catch let error as SourceError {
            return Answer(problem: error, date: nil, asked: place)
        } catch {
            let reason = TransportReason.text(error, tlsAdvice: SourceTransport.tlsAdvice)
            return Answer(problem: SourceError(.unreachable, reason), date: nil, asked: place)
        }
    }

    /// Returns `https://host:port/` for an address that may contain placeholders.
    static func root(of base: String) -> String {
        let parts = base.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.prefix(3).joined(separator: "/").prefix { $0 != "?" } + "/"
    }
}

extension SourceSettings {
    /// Files with secrets that are sent to the source. Only their owner may read them.
    package var secretFiles: [String] {
        switch kind {
        case .prometheus(let settings):
            let credentials: String? =
                switch settings.access.credentials {
                case .none: nil
                case .bearerToken(let file), .basic(_, passwordFile: let file): file
                }
            return [credentials, settings.access.clientKeyFile].compactMap(\.self)
        case .web(let settings):
            let headers = settings.headers.compactMap { header -> String? in
                guard case .file(let path) = header.value else { return nil }
                return path
            }
            return headers + [settings.access.clientKeyFile].compactMap(\.self)
        case .command: return []
        }
    }

    /// Files that decide which certificates are used and trusted. Only their owner may write to them.
    package var trustFiles: [String] {
        let access: SourceAccess? =
            switch kind {
            case .prometheus(let settings): settings.access
            case .web(let settings): settings.access
            case .command: nil
            }
        return [access?.caFile, access?.clientCertificateFile].compactMap(\.self)
    }

    /// Whether the source's certificate is not verified.
    package var believesAnybody: Bool {
        switch kind {
        case .prometheus(let settings): settings.access.insecureSkipTLSVerify
        case .web(let settings): settings.access.insecureSkipTLSVerify
        case .command: false
        }
    }

    /// The program that a command source starts; nil for other sources.
    package var program: String? {
        guard case .command(let settings) = kind else { return nil }
        return settings.command.first
    }
}
