import ControlAPI
import Foundation
import ModelManifests
import TestSupport
import Testing

@testable import Commands

@Suite("The doctor examining this machine") final class MachineLooksTests {
    private let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
        .appending(path: "mlctl-doctor-\(UUID().uuidString)", directoryHint: .isDirectory)

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func looks(_ settings: RunSettings, environment: [String: String] = [:]) -> MachineInspection {
        MachineInspection(
            installation: InspectedInstallation(
                state: folder, config: nil, settings: .success(settings), controller: nil, rules: .ofThisProcess(),
                environment: environment))
    }

    @Test(
        "certificates are read: names, issuer, and whether the key matches",
        .enabled(if: TestCertificates.isAvailable))
    func certificates() throws {
        let authority = try TestCertificates(in: folder)
        for name in ["api", "other"] { try authority.issue(name) }
        var settings = RunSettings()
        func severities(_ certificate: String, _ key: String) throws -> [Finding.Severity] {
            settings.access.tls = .init(
                certificateFile: authority.path(certificate), keyFile: authority.path(key), clientCAFile: nil)
            return try looks(settings).certificate().map(\.severity)
        }
        // Test certificates last two days.
        #expect(try severities("api.pem", "api.key") == [.warning, .ok])
        #expect(try severities("api.pem", "other.key") == [.problem, .notLookedAt])
        #expect(try severities("ca.pem", "ca.key") == [.warning, .warning, .warning])
        #expect(try severities("nothing.pem", "api.key") == [.problem, .notLookedAt])
        settings.advertise = "mlctl.example.com:8090"
        #expect(try severities("api.pem", "api.key") == [.warning, .warning])
    }

    @Test("the host name for clients is the advertised one, else the listening one, else this machine's")
    func hosts() throws {
        var settings = RunSettings()
        #expect(try MachineInspection.hosts(of: settings, machine: "here") == ["127.0.0.1"])
        settings.listen = ":8090"
        #expect(try MachineInspection.hosts(of: settings, machine: "here") == ["here"])
        settings.advertise = "there:80"
        #expect(try MachineInspection.hosts(of: settings, machine: "here") == ["there"])
    }

    @Test("a port in use is taken, and a program on the PATH is found")
    func portsAndPrograms() async throws {
        var settings = RunSettings()
        try await RogueListener.run { taken in
            settings.listen = "127.0.0.1:\(taken.port)"
            settings.projects = [
                Project(name: "risk", repo: "/r", policy: ProjectPolicy(endpointPorts: [taken.port...taken.port]))
            ]
            let looks = looks(settings)
            let own = try looks.ownPorts()
            #expect(own.map(\.severity) == [.problem])
            #expect(looks.endpointPorts([]).map(\.severity) == [.problem])
        }
        let git = try await looks(settings, environment: ["PATH": "/nowhere"]).git()
        #expect(git.map(\.severity) == [.problem])
        #expect(
            try await looks(settings, environment: ProcessInfo.processInfo.environment).git().map(\.severity) == [.ok])
    }
}
