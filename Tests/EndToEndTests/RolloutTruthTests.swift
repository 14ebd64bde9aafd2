import Commands
import ControlPorts
import Demo
import Foundation
import ModelManifests
import TestSupport
import Testing

/// Rollouts on real processes, in situations in which they were once promoted by mistake, stuck, or reported as healthy.
@Suite("Rollouts report their true state and end", .serialized)
struct RolloutTruthTests {
    private static func steps(_ lines: [String], gates: String = "gates: []", more: String = "") -> String {
        """
            steps:
        \(lines.map { "    - \($0)" }.joined(separator: "\n"))
            \(gates)
        \(more)
        """
    }

    private func serving(
        _ version: String = "good-1", replicas: Int = 1, extra: String = "",
        _ body: (Installation, DeploymentStatus) async throws -> Void
    ) async throws {
        try await withInstallation { installation in
            try installation.commit([
                "model.yaml": installation.manifest(version, replicas: replicas, extra: extra)
            ])
            try await installation.start()
            let status = try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
            try await body(installation, status)
        }
    }

    /// Commits, and waits until the controller has read it.
    private func commit(
        _ version: String, _ rollout: String, replicas: Int = 1, to installation: Installation
    ) async throws {
        try installation.commit([
            "model.yaml": installation.manifest(version, replicas: replicas, rollout: rollout)
        ])
        try await installation.sync()
    }

    private func promote(_ version: String, in installation: Installation) async throws {
        try await commit(version, Self.steps(["setWeight: 100"]), to: installation)
        try await installation.wait("model", for: "\(version) serves") {
            $0.phase == .healthy && $0.stable?.version == version
        }
    }

    @Test("a candidate that becomes unready is held in its pause, and then rolled back")
    func notReady() async throws {
        try await serving { installation, _ in
            let rollout = Self.steps(
                ["setWeight: 50", "pause: {duration: 6s}", "setWeight: 100"], more: "    unavailableAfter: 8s")
            try await commit("good-2", rollout, to: installation)
            try await installation.wait("model", for: "the pause") { $0.phase == .paused }
            try installation.mark("unready-good-2")
            var phases: Set<String> = []
            let end = try await installation.wait("model", for: "a rollback") { status in
                phases.insert(status.phase.rawValue)
                return status.phase == .rolledBack || status.stable?.version == "good-2"
            }
            #expect(end.stable?.version == "good-1")
            #expect(!phases.contains("Promoting"))
            #expect(end.quarantined.first?.reason.hasPrefix("not available") == true)
            let wait = try installation.mlctl("wait", "model", "-n", "test", "--for", "healthy", "--timeout", "5s")
            #expect(wait.status == 3, "\(wait.output) \(wait.error)")
        }
    }

    @Test("a step list that is shortened in git continues at the matching step, also without evidence")
    func shortenedSteps() async throws {
        try await serving { installation, _ in
            let long = [
                "setWeight: 5", "setWeight: 10", "setWeight: 20", "pause: {}", "setWeight: 50", "setWeight: 75",
                "setWeight: 100",
            ]
            try await commit("good-2", Self.steps(long), to: installation)
            try await installation.wait("model", for: "the pause") { $0.phase == .paused && $0.step?.index == 3 }
            try await commit(
                "good-2", Self.steps(["setWeight: 5", "pause: {}", "setWeight: 100"]), to: installation)
            let status = try await installation.wait("model", for: "the matching step") { $0.step?.count == 3 }
            let settled = try await installation.wait("model", for: "the pause of the new list") {
                $0.phase == .paused && $0.step?.index == 1 && $0.candidate?.weight == 5
            }
            #expect(status.stable?.version == "good-1")
            #expect(settled.stable?.version == "good-1")
        }
    }

    @Test("a promotion whose last instance never becomes ready ends, and abort and a fixing commit work meanwhile")
    func hangingPromotion() async throws {
        try await serving(replicas: 2) { installation, _ in
            let rollout = Self.steps(
                ["setWeight: 50", "setWeight: 100"], more: "    capacity: drainThenLoad\n    progressDeadline: 60s")
            try await commit("solo-2", rollout, replicas: 2, to: installation)
            try await installation.wait("model", for: "the promotion") { $0.phase == .promoting }
            let abort = try installation.mlctl("abort", "model", "-n", "test")
            #expect(abort.status == 0, "\(abort.error)")
            try await installation.wait("model", for: "the rollback", limit: .seconds(10)) {
                $0.phase == .rollingBack || $0.phase == .rolledBack
            }
            try await commit("good-3", rollout, replicas: 2, to: installation)
            try await installation.wait("model", for: "the fixing commit") {
                $0.phase == .healthy && $0.stable?.version == "good-3"
            }
        }
    }

    @Test("a fixing commit starts at once, even if a rollback hangs")
    func hangingRestore() async throws {
        try await serving("solo-1") { installation, _ in
            try await promote("good-2", in: installation)
            let rollback = try installation.mlctl("rollback", "model", "-n", "test")
            #expect(rollback.status == 0, "\(rollback.error)")
            try await installation.wait("model", for: "the restore") { $0.candidate?.version == "solo-1" }
            try await commit("good-3", Self.steps(["setWeight: 100"]), to: installation)
            try await installation.wait("model", for: "the fixing commit is on its way", limit: .seconds(10)) {
                $0.candidate?.version == "good-3" || $0.stable?.version == "good-3"
            }
            try await installation.wait("model", for: "it serves") {
                $0.phase == .healthy && $0.stable?.version == "good-3"
            }
        }
    }

    @Test("a second rollback goes further back, and explain names the version that was left")
    func secondRollback() async throws {
        try await serving { installation, _ in
            try await promote("good-2", in: installation)
            try await promote("good-3", in: installation)
            for (version, left) in [("good-2", "good-3"), ("good-1", "good-2")] {
                let output = try installation.mlctl("rollback", "model", "-n", "test")
                #expect(output.status == 0, "\(output.error)")
                try await installation.wait("model", for: "version \(version)") {
                    $0.phase == .rolledBack && $0.stable?.version == version
                }
                let explain = try installation.mlctl("explain", "model", "-n", "test")
                #expect(explain.output.contains("version \(left)"), "\(explain.output)")
            }
            let refused = try installation.mlctl("rollback", "model", "-n", "test")
            #expect(refused.status == 1)
            #expect(refused.error.contains("no earlier revision"), "\(refused.error)")
        }
    }

    @Test("pause and resume during a timed pause keep the remaining time of the pause")
    func resumeInPause() async throws {
        try await serving { installation, _ in
            let rollout = Self.steps(
                ["setWeight: 50", "pause: {duration: 10m}", "setWeight: 100"],
                gates: "gates: [{name: errors, compare: {metric: errors}}]",
                more: "    progressDeadline: 3s\n    onInsufficient: rollback")
            try await commit("good-2", rollout, to: installation)
            try await installation.wait("model", for: "the pause") { $0.phase == .paused }
            for command in ["pause", "resume"] {
                let output = try installation.mlctl(command, "model", "-n", "test")
                #expect(output.status == 0, "\(output.error)")
            }
            let again = try installation.mlctl("resume", "model", "-n", "test")
            #expect(again.status == 1)
            #expect(again.error.contains("Commands that work now: 'mlctl promote test/model'"), "\(again.error)")
            try await installation.holds("the pause continues", for: .seconds(6)) {
                $0.phase == .paused && $0.candidate?.weight == 50
            }
        }
    }

    @Test("a gate that fails in probation holds, if failures are configured to wait for a person")
    func failureInProbation() async throws {
        try await serving { installation, status in
            let rollout = """
                    strategy: blueGreen
                    gates:
                    - {name: errors, threshold: {metric: errors, max: 0.01, interval: 1s, failureLimit: 0, minSamples: 20}}
                    keepFor: 8s
                    onFailure: pause
                """
            let endpoint = try #require(status.endpoint)
            let load = SteadyLoad(ratePerSecond: 100, workers: 2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.run(against: endpoint) }
                defer { group.cancelAll() }
                try await commit("failing-2", rollout, to: installation)
                try await installation.wait("model", for: "the hold") { $0.phase == .paused }
                try await installation.holds("nothing becomes stable by itself", for: .seconds(12)) {
                    $0.stable?.version == "good-1"
                }
            }
        }
    }

    @Test("a manifest that is removed and restored during the drain is Healthy again, with the same instance")
    func removedAndBack() async throws {
        try await serving { installation, _ in
            try installation.commit(["other.yaml": installation.manifest("good-1", name: "other")])
            try await installation.sync()
            try await installation.wait("other", for: "the other one serves") { $0.phase == .healthy }
            let manifest = try String(contentsOf: installation.repo.appending(path: "model.yaml"), encoding: .utf8)
            try installation.commit(["model.yaml": nil])
            try await installation.sync()
            try installation.commit(["model.yaml": manifest])
            try await installation.sync()
            try await installation.wait("model", for: "it serves") { $0.phase == .healthy && $0.endpoint != nil }
        }
    }

    @Test("a port that another program uses makes the deployment Degraded, and wait does not succeed")
    func portTaken() async throws {
        let port = try FreePort.take()
        try await withInstallation { installation in
            let squatter = try ChildProcess(
                ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "\(port)"], environment: [:],
                output: .files(output: "/dev/null", errors: "/dev/null"))
            defer { squatter.stop() }
            try await installation.until("the other program listens") { FreePort.isTaken(port) }
            try installation.commit([
                "model.yaml": installation.manifest("good-1", extra: "  endpoint: {port: \(port)}")
            ])
            try await installation.start()
            try await installation.wait("model", for: "the instance is ready") { $0.message.contains("\(port)") }
            let wait = try installation.mlctl("wait", "model", "-n", "test", "--for", "healthy", "--timeout", "4s")
            #expect(wait.status == 4, "\(wait.output) \(wait.error)")
            squatter.stop()
            try await installation.wait("model", for: "it serves") { $0.phase == .healthy }
        }
    }

    @Test("an endpoint whose instance stops answering is Degraded and reported, and becomes healthy again by itself")
    func degraded() async throws {
        try await serving { installation, _ in
            try installation.mark("unready-good-1")
            let status = try await installation.wait("model", for: "it is Degraded") { $0.phase == .degraded }
            #expect(status.message.contains("0 of 1 instances"), "\(status.message)")
            #expect(status.conditions.first { $0.type == "Ready" }?.status == "False")
            let wait = try installation.mlctl("wait", "model", "-n", "test", "--for", "healthy", "--timeout", "3s")
            #expect(wait.status == 4, "\(wait.output) \(wait.error)")
            try installation.unmark("unready-good-1")
            try await installation.wait("model", for: "it is healthy") { $0.phase == .healthy }
        }
    }
}

extension Installation {
    /// Sends a control request to model servers: see `model_server.py`.
    func mark(_ name: String) throws { try Data().write(to: folder.appending(path: "marks/\(name)")) }

    func unmark(_ name: String) throws {
        try FileManager.default.removeItem(at: folder.appending(path: "marks/\(name)"))
    }

    /// The condition must hold for a while.
    func holds(_ what: String, for duration: Duration, _ isSo: (DeploymentStatus) -> Bool) async throws {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            let status = try await status("model")
            guard let status, isSo(status) else { throw InstallationError("\(what): \(String(describing: status))") }
            try await ContinuousClock().sleep(for: .milliseconds(200))
        }
    }
}

/// Loopback ports that are not in use.
enum FreePort {
    static func take() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw InstallationError("no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func isTaken(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        return address
    }
}
