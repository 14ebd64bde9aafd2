import Testing

@testable import Notifications

@Suite("A webhook's address")
struct WebhookAddressTests {
    @Test(
        "may be https anywhere, and http on the loopback",
        arguments: [
            "https://hooks.example.com/a/b?c=d", "HTTPS://hooks.example.com", "https://10.0.0.1:8443/x",
            "http://127.0.0.1:9000/x", "http://127.9.8.7", "http://localhost:80/", "http://[::1]:9000/x",
        ])
    func allowed(url: String) throws { #expect(try WebhookAddress(url).url == url) }

    @Test(
        "may not be anything else",
        arguments: [
            "", "hooks.example.com", "https://", "/path", "ftp://hooks.example.com", "http://hooks.example.com",
            "http://127.evil.com", "http://127.0.0.1.evil.com", "http://127.0.0.1.5", "http://127.1",
            "http://localhost.evil.com", "http://128.0.0.1",
            "http://[::2]", "https://user:pass@hooks.example.com", "http://user@127.0.0.1", "file:///etc/passwd",
        ])
    func refused(url: String) {
        let error = #expect(throws: NotificationError.self) { try WebhookAddress(url) }
        #expect(error?.code == .invalidAddress)
        #expect(error?.message.contains("pass@") == false)
    }

    @Test("does not show path or query, because they may be secrets")
    func shown() throws {
        #expect(
            "\(try WebhookAddress("https://hooks.example.com:8443/T0/B1?token=x"))" == "https://hooks.example.com:8443")
    }
}
