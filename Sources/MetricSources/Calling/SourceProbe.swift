import Foundation
import NIOSSL
import Transport

/// Asks a source whether it can be asked: for those who look at an installation before gates do.
public struct SourceProbe: Sendable {
    /// What it said.
    public struct Answer: Hashable, Sendable {
        /// Why it would answer no gate; nil where it would, as far as one can tell.
        public var problem: SourceError?
        /// What its clock says, as it is written; nil where it did not say.
        public var date: String?
        /// What was asked, for people: no credentials are in it.
        public var asked: String
    }

    typealias Transport = @Sendable (SourceRequest, TLSConfiguration?, Duration) async throws -> SourceResponse

    static let answerBytes = 1 << 20
    /// A query that every Prometheus can answer.
    static let query = "vector(1)"

    private let transport: Transport

    public init() {
        self.init { request, tls, timeout in
            try await SourceTransport.send(request, tls: tls, timeout: timeout, bytes: Self.answerBytes)
        }
    }

    init(transport: @escaping Transport) { self.transport = transport }

    /// - Parameter limit: of the question; the source's own where that is shorter.
    /// - Returns: nil for a program: it is started for gates alone.
    public func ask(_ source: SourceSettings, within limit: Duration) async -> Answer? {
        switch source.kind {
        case .prometheus(let settings):
            let question = PrometheusQuery(text: Self.query, moments: .now, timeout: settings.access.timeout)
            return await answer(settings.address.base, settings.access, limit, judged: true) {
                question.request(to: settings.address.base, authorization: try settings.access.authorization())
            }
        case .web(let settings):
            // Its URL has to be filled in for a deployment: only whether somebody answers there can be known now. Its headers
            // hold secrets, and are for that URL.
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
            return Answer(problem: SourceError(.unreachable, TransportReason.text(error)), date: nil, asked: place)
        }
    }

    /// `https://host:port/` of an address that may hold placeholders.
    static func root(of base: String) -> String {
        let parts = base.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.prefix(3).joined(separator: "/").prefix { $0 != "?" } + "/"
    }
}

extension SourceSettings {
    /// Files that hold what the source is asked with, and that nobody else may read.
    public var secretFiles: [String] {
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

    /// Files that say who is believed, and that nobody else may write to.
    public var trustFiles: [String] {
        let access: SourceAccess? =
            switch kind {
            case .prometheus(let settings): settings.access
            case .web(let settings): settings.access
            case .command: nil
            }
        return [access?.caFile, access?.clientCertificateFile].compactMap(\.self)
    }

    /// The certificate of the source is not looked at.
    public var believesAnybody: Bool {
        switch kind {
        case .prometheus(let settings): settings.access.insecureSkipTLSVerify
        case .web(let settings): settings.access.insecureSkipTLSVerify
        case .command: false
        }
    }

    /// The program that is started for it; nil where there is none.
    public var program: String? {
        guard case .command(let settings) = kind else { return nil }
        return settings.command.first
    }
}
