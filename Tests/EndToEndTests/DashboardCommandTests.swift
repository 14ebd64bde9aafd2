import AsyncHTTPClient
import Foundation
import TestSupport
import Testing

@Suite("The dashboard of a running controller", .serialized)
struct DashboardCommandTests {
    /// One HTTP request, without a redirect being followed.
    private func send(_ url: String, form: String? = nil, cookie: String? = nil) async throws -> HTTPClientResponse {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "accept", value: "text/html")
        if let cookie { request.headers.add(name: "cookie", value: cookie) }
        if let form {
            request.method = .POST
            request.body = .bytes(Data(form.utf8))
        }
        do {
            var answer = try await client.execute(request, timeout: .seconds(20))
            answer.body = .bytes(try await answer.body.collect(upTo: 1 << 20))
            try await client.shutdown()
            return answer
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    @Test("the link of 'mlctl dashboard' signs a browser in once, as the user who asked for it")
    func link() async throws {
        try await withInstallation { installation in
            try installation.commit([:])
            try await installation.start()
            let printed = try installation.mlctl("dashboard")
            let link = try #require(printed.output.split(separator: "\n").first).description
            let api = try #require(installation.api).absoluteString
            let code = try #require(link.split(separator: "=").last)
            #expect(printed.status == 0 && link == "\(api)/login?code=\(code)" && code.count > 40)
            #expect(!printed.output.contains(installation.token ?? "no token"))

            let entered = try await send("\(api)/login", form: "code=\(code)")
            #expect(entered.status == .seeOther)
            let cookie = try #require(entered.headers.first(name: "set-cookie")).split(separator: ";").first
            let page = try await send("\(api)/", cookie: cookie.map(String.init))
            let html = String(buffer: try await page.body.collect(upTo: 1 << 20))
            #expect(page.status == .ok && html.contains("local:") && html.contains("No deployments"))
            #expect(try await send("\(api)/login", form: "code=\(code)").status == .forbidden)
            #expect(try await send("\(api)/").headers.first(name: "location") == "./login")

            let wrong = try installation.mlctl("dashboard", "--url", "models.example.com")
            #expect(wrong.status != 0 && wrong.error.contains("is not an address"))
        }
    }
}
