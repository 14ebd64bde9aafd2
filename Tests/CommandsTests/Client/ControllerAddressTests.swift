import ControlAPI
import Foundation
import Glibc
import Testing

@testable import Commands

@Suite("Where a command finds its controller") struct ControllerPlaceTests {
    @Test("the command line comes first, then the environment, then the default place")
    func wishes() {
        #expect(ControllerAddress(.init()) == .usual)
        #expect(ControllerAddress(.init(server: "", state: "", environmentServer: "")) == .usual)
        #expect(ControllerAddress(.init(environmentState: "/s")) == .state("/s"))
        #expect(ControllerAddress(.init(environmentServer: "http://b", environmentState: "/s")) == .address("http://b"))
        #expect(ControllerAddress(.init(state: "/t", environmentServer: "http://b")) == .state("/t"))
        #expect(ControllerAddress(.init(server: "http://a", state: "/t")) == .address("http://a"))
    }

    @Test(
        "an address leads to a state folder only for this machine and that controller's port",
        arguments: [
            ("http://127.0.0.1:8090", "http://127.0.0.1:8090", true),
            ("http://127.0.0.1:8090", "http://localhost:8090", true),
            ("http://0.0.0.0:8090", "http://[::1]:8090", true),
            ("https://127.0.0.1:8090", "http://127.0.0.1:8090", true),
            ("http://127.0.0.1:8091", "http://127.0.0.1:8090", false),
            ("http://10.0.0.1:8090", "http://127.0.0.1:8090", false),
            ("nonsense", "http://127.0.0.1:8090", false),
        ])
    func sameness(api: String, address: String, isSame: Bool) throws {
        let url = try #require(URL(string: address))
        #expect(ControllerAddress.isLocal(url) && ControllerAddress.isSame(api, as: url) == isSame)
    }

    @Test(
        "addresses of other machines are not local",
        arguments: ["http://10.0.0.1:1", "https://ml.example", "http://127.evil.example:1"])
    func foreign(address: String) throws {
        #expect(!ControllerAddress.isLocal(try #require(URL(string: address))))
    }

    @Test("controllers register by their ports, in a folder that only this user can read")
    func registry() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "mlctl-registry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        let registry = ControllerRegistry(roots: ["/nonexistent", root.path(percentEncoded: false)])
        let entry = ControllerRegistry.Entry(api: "http://127.0.0.1:1", stateDirectory: "/s")
        registry.register(entry, port: 1)
        #expect(registry.entries(port: 1) == [entry] && registry.entries(port: 2).isEmpty)
        var other = entry
        other.stateDirectory = "/t"
        registry.remove(other, port: 1)
        #expect(registry.entries(port: 1) == [entry])
        let folder = "\(root.path(percentEncoded: false))/mlctl-\(getuid())"
        #expect(TrustedPlaces.facts(of: folder)?.mode == 0o700)
        // Entries of a folder that others may write to are ignored.
        chmod(folder, 0o777)
        #expect(registry.entries(port: 1).isEmpty)
        chmod(folder, 0o700)
        // The entry of a killed controller is removed when another registers an hour or more later.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: "\(folder)/controller-1.json")
        registry.register(other, port: 2)
        #expect(registry.entries(port: 1).isEmpty && registry.entries(port: 2) == [other])
        registry.remove(other, port: 2)
        #expect(registry.entries(port: 2).isEmpty)
    }
}
