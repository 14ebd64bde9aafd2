import Foundation
import Glibc
import ModelManifests
import SecretFiles
import Testing

@testable import LocalServing

@Suite("The port of an instance, with real servers", .timeLimit(.minutes(10)))
struct KeeperPortTests {
    let test: TestState

    init() throws { test = try TestState() }

    @Test("a server that exits while it serves is restarted at the same port")
    func restartAfterCrash() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let (again, _) = try await test.keeping(folder) {
            let first = try await folder.reaches(.ready)
            first.server?.signal(SIGKILL)
            let again = try await eventually("ready again") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != first.server ? $0 : nil }
            }
            #expect(again.port == first.port)
            return again
        }
        #expect(again.restarts == 1)
        #expect(again.keptPorts == nil)
    }

    @Test("if keeper and server are killed together, the next server gets the same port")
    func portOutlivesTheKeeper() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let orphan = try await test.orphan(folder)
        test.killServer(of: folder.id)
        let (again, _) = try await test.keeping(folder) {
            try await eventually("ready again") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != orphan.server ? $0 : nil }
            }
        }
        #expect(again.port == orphan.port)
    }

    @Test("a port that an endpoint should have is neither kept nor taken")
    func endpointPorts() async throws {
        let folder = try test.journal(Script.runtime(Script.http))
        let (again, _) = try await test.keeping(folder) {
            let first = try await folder.reaches(.ready)
            try StateFile.write([first.port ?? 0], to: test.state.endpointPorts)
            first.server?.signal(SIGKILL)
            let again = try await eventually("ready again") {
                try folder.readStatus().flatMap { $0.phase == .ready && $0.server != first.server ? $0 : nil }
            }
            #expect(again.port != first.port)
            return again
        }
        var random = SystemRandomNumberGenerator()
        let all = Set(PortClaim.range).subtracting([again.port ?? 0])
        #expect(try PortClaim.claim(using: &random, avoiding: all).port == again.port)
    }
}
