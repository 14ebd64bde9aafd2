import Testing

@testable import ModelManifests

@Suite("Addresses of endpoints")
struct EndpointTLSTests {
    @Test(
        "IP addresses in their usual form",
        arguments: ["127.0.0.1", "0.0.0.0", "10.1.2.255", "::", "::1", "fe80::1", "2001:db8:0:0:0:0:0:1", "1::"])
    func valid(address: String) { #expect(EndpointAddress.isValid(address)) }

    @Test(
        "anything that somebody could read as another address is refused",
        arguments: [
            "", "localhost", "127.1", "127.0.0.01", "256.0.0.1", "1.2.3.4.5", "0x7f.0.0.1", " 127.0.0.1",
            "127.0.0.1:80",
            "::1%lo", "1::2::3", ":::", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "FE80::1", "::ffff:127.0.0.1",
            ":1",
            "1:", "٣.0.0.1",
        ])
    func invalid(address: String) { #expect(!EndpointAddress.isValid(address)) }

    @Test("only the loopback stays on the machine")
    func loopback() {
        for address in ["127.0.0.1", "127.3.2.1", "::1"] { #expect(EndpointAddress.isLoopback(address)) }
        for address in ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1"] { #expect(!EndpointAddress.isLoopback(address)) }
        #expect(!Endpoint().leavesLoopback)
        #expect(Endpoint(address: "0.0.0.0").leavesLoopback)
    }

    @Test("the URL is one at which a program of this machine reaches it, and previews stay on the loopback")
    func urls() {
        #expect(Endpoint().localURL(port: 9000) == "http://127.0.0.1:9000")
        #expect(Endpoint(address: "0.0.0.0").localURL(port: 9000) == "http://127.0.0.1:9000")
        #expect(Endpoint(address: "::").localURL(port: 9000) == "http://[::1]:9000")
        let secure = Endpoint(address: "10.0.0.7", tls: EndpointTLS(certificateFile: "/c", keyFile: "/k"))
        #expect(secure.localURL(port: 1) == "https://10.0.0.7:1")
        #expect(secure.localURL(port: 1, isPreview: true) == "https://127.0.0.1:1")
    }
}
