import AsyncHTTPClient
import Foundation
import Testing

@testable import ControlAPI

/// A browser without scripts: it keeps the session's cookie, sends what browsers send, and follows no redirect by itself.
struct WebVisitor: Sendable {
    struct Page: Sendable {
        var status: Int
        var body: String
        var headers: [String: String]
    }

    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    let url: URL
    var cookie: String?

    /// Signed in with a token.
    static func signedIn(_ url: URL, _ token: String = Tokens.operator) async throws -> WebVisitor {
        var visitor = WebVisitor(url: url)
        let answer = try await visitor.post("/login", ["token": token])
        #expect(answer.status == 303)
        visitor.cookie = try #require(answer.headers["set-cookie"]).split(separator: ";").first.map(String.init)
        return visitor
    }

    func get(_ path: String, headers: [(String, String)] = []) async throws -> Page {
        try await send("GET", path, body: nil, headers)
    }

    /// - Parameter origin: nil sends none.
    func post(
        _ path: String, _ form: [String: String], origin: String? = "own", headers: [(String, String)] = []
    ) async throws -> Page {
        let body = form.map {
            "\($0.key)=\($0.value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"
        }
        .joined(separator: "&")
        var headers = headers + [("content-type", "application/x-www-form-urlencoded")]
        let own = "http://\(url.host ?? ""):\(url.port ?? 0)"
        if let origin { headers.append(("origin", origin == "own" ? own : origin)) }
        return try await send("POST", path, body: body, headers)
    }

    private func send(
        _ method: String, _ path: String, body: String?, _ headers: [(String, String)]
    ) async throws -> Page {
        var request = HTTPClientRequest(url: url.absoluteString + path)
        request.method = .init(rawValue: method)
        request.headers.add(name: "accept", value: "text/html,application/xhtml+xml")
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let cookie { request.headers.add(name: "cookie", value: cookie) }
        if let body { request.body = .bytes(Data(body.utf8)) }
        let response = try await Self.http.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 8 << 20)
        return Page(
            status: Int(response.status.code), body: String(buffer: bytes),
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first })
    }

    /// The value of a hidden field of a page's form.
    static func field(_ name: String, of page: Page) -> String? {
        let mark = "name=\"\(name)\" value=\""
        guard let start = page.body.range(of: mark) else { return nil }
        return String(page.body[start.upperBound...].prefix { $0 != "\"" })
    }
}
