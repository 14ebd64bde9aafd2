import Testing

@testable import KubernetesClient

@Suite("Proxies in the environment")
struct ProxyEnvironmentTests {
    private static func url(_ server: String, _ environment: [String: String]) -> String? {
        ProxyEnvironment(environment).setting(for: server)?.url
    }

    @Test("come from the variable of the server's scheme, upper case before lower case, with or without a scheme")
    func naming() {
        let both = ["HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2", "HTTP_PROXY": "c:3"]
        #expect(
            ProxyEnvironment(both).setting(for: "https://x") == .init(url: "http://a:1", variable: "HTTPS_PROXY"))
        #expect(
            ProxyEnvironment(["https_proxy": " socks5://b:2 "]).setting(for: "https://x")
                == .init(url: "socks5://b:2", variable: "https_proxy"))
        #expect(Self.url("http://x", both) == "http://c:3")
        #expect(Self.url("https://x", ["HTTPS_PROXY": ""]) == nil)
        #expect(Self.url("https://x", ["ALL_PROXY": "a:1"]) == nil)
    }

    @Test("are not used for what NO_PROXY lists, nor for this machine")
    func exceptions() {
        func isDirect(_ server: String, _ list: String) -> Bool {
            Self.url(server, ["HTTPS_PROXY": "a:1", "no_proxy": list]) == nil
        }
        for server in ["https://127.0.0.1:6443", "https://localhost", "https://[::1]:6443"] {
            #expect(isDirect(server, ""), "\(server)")
        }
        let direct = [
            ("https://api.example.com", "other, example.com"), ("https://EXAMPLE.com", "example.COM"),
            ("https://api.example.com", ".example.com"), ("https://api.example.com", "*.example.com"),
            ("https://anything", "*"), ("https://10.1.2.3:6443", "10.0.0.0/8"), ("https://10.1.2.3", "10.1.2.3"),
            ("https://[fd00::7]:6443", "fd00::/8"), ("https://[fd00::7]:6443", "[fd00::7]:6443"),
            ("https://[fd00::7]", "fd00::7"), ("https://x:6443", "x:6443"), ("https://x", "x:443"),
        ]
        for (server, list) in direct { #expect(isDirect(server, list), "\(server) by \(list)") }
        let through = [
            ("https://example.com", ".example.com"), ("https://notexample.com", "example.com"),
            ("https://x:6443", "x:443"), ("https://11.1.2.3", "10.0.0.0/8"), ("https://10.1.2.3", "10.1.2"),
            ("https://10.1.2.3", "10.0.0.0/99"), ("https://[fe80::7]", "fd00::/8"), ("https://x", ""),
        ]
        for (server, list) in through { #expect(!isDirect(server, list), "\(server) by \(list)") }
    }

    @Test("count if the kubeconfig names none, and errors name their variable")
    func kubeconfig() throws {
        let text = """
            current-context: a
            clusters:
            - {name: a, cluster: {server: "https://10.0.0.1:6443"}}
            - {name: b, cluster: {server: "https://b", proxy-url: "http://own:1"}}
            contexts: [{name: a, context: {cluster: a}}, {name: b, context: {cluster: b}}]
            """
        let config = try Kubeconfig.parse(text, path: "/f")
        let environment = ["HTTPS_PROXY": "http://proxy:3128"]
        #expect(try config.connection(context: "b", environment: environment).proxyURL == "http://own:1")
        let connection = try config.connection(environment: environment)
        #expect(connection.proxyURL == "http://proxy:3128")
        let byAddress = #expect(throws: APIError.self) { _ = try HTTPTransport(connection) }
        #expect(message(of: byAddress).contains("(HTTPS_PROXY)"))
        #expect(message(of: byAddress).contains("name 10.0.0.1 in NO_PROXY"))
        let secure = try config.connection(environment: ["HTTPS_PROXY": "https://proxy:3128"])
        let unspoken = #expect(throws: APIError.self) { _ = try HTTPTransport(secure) }
        #expect(message(of: unspoken).contains("HTTPS_PROXY has the scheme 'https'"))
        let excepted = try config.connection(environment: environment.merging(["NO_PROXY": "10.0.0.0/8"]) { $1 })
        #expect(excepted.proxyURL == nil)
    }
}
