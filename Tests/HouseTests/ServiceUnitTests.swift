import Foundation
import TestSupport
import Testing

/// The systemd unit, as restricted as local serving allows.
@Suite("The systemd unit") struct ServiceUnitTests {
    private static let path = "controller/mlctl.service"
    /// The exposure level of `systemd-analyze security`, in tenths.
    private static let mostExposure = "30"

    private let lines: [Substring]
    private let service: [String: [String]]

    init() throws {
        lines = try RepositoryFiles.text(Self.path).split(separator: "\n", omittingEmptySubsequences: false)
        var isService = false
        service = lines.reduce(into: [:]) { found, line in
            if line.hasPrefix("[") { isService = line == "[Service]" }
            guard isService, !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { return }
            found[String(line[..<equals]), default: []].append(String(line[line.index(after: equals)...]))
        }
    }

    @Test("model servers outlive the controller, and can have limits")
    func serving() {
        let wanted = [
            "KillMode": "process", "Delegate": "yes", "Restart": "always", "StateDirectoryMode": "0700",
            "UMask": "0077",
            // A private /tmp or private shared memory would be removed with the controller, while servers still use it.
            "PrivateTmp": "no", "RemoveIPC": "no",
            // Needed for cgroups of instances, GPUs, compilers at run time, and file owners.
            "ProtectControlGroups": "no", "PrivateDevices": "no", "MemoryDenyWriteExecute": "no", "PrivateUsers": "no",
        ]
        for (name, value) in wanted { #expect(service[name] == [value], "\(name)") }
        // Needed for read-only views of models: user and mount namespaces, and mounts in them.
        #expect(service["RestrictNamespaces"] == ["user mnt"])
        #expect(service["SystemCallFilter"]?.first?.split(separator: " ").contains("@mount") == true)
        #expect(service["ReadWritePaths"]?.first?.split(separator: " ").contains("/tmp") == true)
    }

    @Test("it has the restrictions that protect the machine from a model server")
    func bounds() {
        let wanted = [
            "User": "mlctl", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
            "ProtectSystem": "strict", "ProtectHome": "read-only", "ProtectProc": "invisible", "ProtectClock": "yes",
            "ProtectHostname": "yes", "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes",
            "ProtectKernelTunables": "yes", "LockPersonality": "yes", "RestrictRealtime": "yes",
            "RestrictSUIDSGID": "yes", "SystemCallArchitectures": "native", "DevicePolicy": "closed",
            "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX AF_NETLINK", "SystemCallErrorNumber": "EPERM",
        ]
        for (name, value) in wanted { #expect(service[name] == [value], "\(name)") }
        #expect(service["SystemCallFilter"]?.first?.hasPrefix("@system-service ") == true)
    }

    @Test("every restriction that is left out has a reason")
    func reasons() throws {
        let start = try #require(lines.firstIndex { $0.hasPrefix("# Left open") })
        let end = try #require(lines.firstIndex(of: "[Install]"))
        let open = lines[start..<end].indices.filter { !lines[$0].hasPrefix("#") && lines[$0].contains("=") }
        #expect(open.count >= 7)
        for index in open { #expect(lines[index - 1].hasPrefix("# "), "\(lines[index])") }
    }

    @Test(
        "systemd rates it as restricted, and accepts every directive",
        .enabled(if: RepositoryFiles.isInstalled("systemd-analyze")))
    func rating() throws {
        let file = RepositoryFiles.url(Self.path).path(percentEncoded: false)
        // Fails if the unit is more exposed.
        let said = try ChildProcess.run([
            "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=\(Self.mostExposure)", file,
        ])
        #expect(said.contains("Overall exposure level"))
        for word in ["Unknown", "Failed to parse", "Invalid"] { #expect(!said.contains(word)) }
    }
}
