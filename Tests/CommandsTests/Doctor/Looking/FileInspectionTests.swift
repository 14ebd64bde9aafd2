import ControlAPI
import Foundation
import Glibc
import Testing

@testable import Commands

/// Uses temporary files on this machine's disk.
@Suite("The doctor examining files") final class FileLooksTests {
    private static let text = "kR8vQx2LmZ0pTn5YbWc7HsJd4GfA9eUi"
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appending(path: "mlctl-doctor-\(UUID().uuidString)").path(percentEncoded: false)
        for name in ["", "/state", "/state/secrets", "/state/secrets/risk"] {
            try FileManager.default.createDirectory(
                atPath: folder + name, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ name: String, _ text: String = FileLooksTests.text, mode: mode_t = 0o600) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
        chmod("\(folder)/\(name)", mode)
    }

    private func looks(_ settings: RunSettings = RunSettings(), environment: [String: String] = [:]) -> FileInspection {
        let state = URL(filePath: "\(folder)/state", directoryHint: .isDirectory)
        return FileInspection(
            installation: InspectedInstallation(
                state: state, config: nil, settings: .success(settings), controller: nil, rules: .ofThisProcess(),
                environment: environment))
    }

    private func severities(_ check: CheckID, _ found: [Finding]) -> [Finding.Severity] {
        found.filter { $0.check == check }.map(\.severity)
    }

    @Test("modes of a state folder and its secrets, including those of projects")
    func state() throws {
        try write("state/secrets/a")
        try write("state/secrets/risk/b")
        #expect(try looks().state().map(\.severity) == [.ok, .ok])
        chmod("\(folder)/state/secrets/risk/b", 0o644)
        let open = try looks().state()
        #expect(severities(.stateSecrets, open) == [.warning])
        #expect(open[1].advice == "chmod 600 \(folder)/state/secrets/risk/b")
        chmod("\(folder)/state/secrets/risk", 0o777)
        #expect(severities(.stateSecrets, try looks().state()) == [.problem])
        chmod("\(folder)/state", 0o770)
        #expect(severities(.stateMode, try looks().state()) == [.problem])
        // The doctor corrects nothing.
        #expect(TrustedPlaces.facts(of: "\(folder)/state")?.mode == 0o770)
    }

    @Test("token files are read as the controller reads them, and none is created")
    func tokens() throws {
        var settings = RunSettings()
        try write("ci")
        settings.access.tokens = [
            .init(name: "ci", file: "\(folder)/ci", role: .operator),
            .init(name: "gone", file: "\(folder)/gone", role: .viewer),
        ]
        let found = looks(settings, environment: ["MLCTL_TOKEN": "x"]).tokens()
        #expect(found.map(\.caller.name) == ["MLCTL_TOKEN", "ci", "gone"])
        #expect(found.map(\.text) == ["x", Self.text, nil])
        #expect(TrustedPlaces.facts(of: "\(folder)/state/token") == nil)
        #expect(try looks(settings).secrets().map(\.severity) == [.problem])
        chmod("\(folder)/ci", 0o640)
        #expect(try looks(settings).secrets().map(\.severity) == [.problem, .problem])
    }

    @Test("leftovers of a killed controller and a damaged journal are found")
    func remains() throws {
        let record = try JSONEncoder().encode(
            ControllerRecord(api: "http://127.0.0.1:1", pid: 1, version: Version.text))
        try record.write(to: URL(filePath: "\(folder)/state/controller.json"))
        try write("state/controller.lock", "")
        #expect(looks().controller().map(\.severity) == [.warning, .ok])
        try write("state/journal.sqlite.corrupt-1", "")
        #expect(looks().controller().map(\.severity) == [.warning, .warning])
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        // Socket paths have a short maximum length, so the socket is bound through /proc/self/fd.
        let place = open("\(folder)/state", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(place) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: Array("/proc/self/fd/\(place)/api.sock".utf8))
        }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        #expect(looks().controller().filter { $0.check == .controllerCrash }.count == 2)
    }

    @Test("each file system gives one finding; a missing folder counts for its parent")
    func disks() throws {
        let found = try looks().disks()
        #expect(found.count == 1)
        #expect(found[0].message.contains("state folder \(folder)/state, model cache, logs"))
    }
}
