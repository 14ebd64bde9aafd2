import Logging
import Testing

@testable import ControlAPI

@Suite struct ListenAddressTests {
    @Test(
        "addresses are parsed as people write them",
        arguments: [
            ("127.0.0.1:8090", ListenAddress(host: "127.0.0.1", port: 8090), true),
            ("localhost:0", ListenAddress(host: "localhost", port: 0), true),
            ("[::1]:80", ListenAddress(host: "::1", port: 80), true),
            (":8090", ListenAddress(host: "0.0.0.0", port: 8090), false),
            ("127.evil.example:1", ListenAddress(host: "127.evil.example", port: 1), false),
        ])
    func reads(text: String, address: ListenAddress, isLoopback: Bool) throws {
        #expect(try ListenAddress(parsing: text) == address)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(
        "a malformed address is refused",
        arguments: ["", "8090", "127.0.0.1", "::1:80", "h:70000", "h:-1", "a b:1", "http://h:1"])
    func refuses(text: String) {
        #expect(throws: ListenError.malformed(text)) { try ListenAddress(parsing: text) }
    }

    @Test("an open address without a token is refused, and the message says what to do")
    func unprotected() throws {
        let everywhere = ListenAddress(host: "0.0.0.0", port: 8090)
        let logger = Logger(label: "test")
        func open(_ keys: AccessKeys) throws {
            _ = try ControlServer(
                surface: ScriptedSurface(), listeners: .init(api: everywhere), register: TokenRegistry(keys),
                logger: logger)
        }
        #expect(throws: ListenError.unprotected(everywhere)) { try open(.none) }
        #expect(throws: ListenError.unprotected(everywhere)) { try open(Tokens.keys(isShared: false)) }
        #expect(throws: Never.self) { try open(Tokens.keys()) }
        #expect(ListenError.unprotected(everywhere).description.contains("tokenFile"))
    }

    @Test("a free port is known before the server listens")
    func freePort() throws {
        let address = try ListenAddress(host: "127.0.0.1", port: 0).withFreePort()
        #expect(address.port > 0 && address.host == "127.0.0.1")
        #expect(try ListenAddress(port: 4711).withFreePort().port == 4711)
    }

    @Test("a port that is taken is reported with what to do")
    func taken() async throws {
        try await withServer(ScriptedSurface()) { url async throws in
            let port = try #require(url.port)
            let error = await #expect(throws: ListenError.self) {
                try await withServer(ScriptedSurface(), port: port) { _ in }
            }
            #expect(error?.description.contains("Address already in use. Is another controller running?") == true)
        }
    }
}
