import ArgumentParser
import Testing

@testable import Commands

@Suite("The controller's own ports") struct OwnPortsTests {
    private func ports(_ listen: String, _ probes: String? = nil) throws -> ControllerPorts {
        var settings = RunSettings()
        settings.listen = listen
        settings.probes = probes
        return try ControllerPorts(settings)
    }

    @Test("are reserved first, also if chosen automatically, and nothing else can take them")
    func chosen() throws {
        let own = try ports("127.0.0.1:0", "127.0.0.1:0")
        let probes = try #require(own.probes)
        #expect(own.api.port > 0 && probes.port > 0 && own.api.port != probes.port)
        #expect(Set(own.reserved.keys) == [own.api.port, probes.port])
        #expect(try ports("127.0.0.1:8090").reserved.keys.sorted() == [8090])
    }

    @Test("the same port for both, and an invalid address, are refused")
    func refused() {
        for (listen, probes) in [
            ("127.0.0.1:7", "127.0.0.1:7"), ("127.0.0.1:7", "0.0.0.0:7"), ("x", nil), ("h:1", "8091"),
        ] {
            #expect(throws: ValidationError.self) { try ports(listen, probes) }
        }
    }
}
