import Foundation
import ModelManifests
import Testing

@testable import Commands

@Suite("What the doctor says of policies") struct PolicyFindingsTests {
    private func found(_ check: CheckID, _ projects: [Project]?) -> [Finding] {
        PolicyFindings.all(projects).filter { $0.check == check }
    }

    private let walled = Project(
        name: "risk", repo: "/r",
        policy: ProjectPolicy(
            namespaces: [NamePattern("risk")], targets: [TargetRule(.local)], commands: .deny, modelSources: [],
            secrets: [], podSecurity: .restricted, limits: ProjectLimits(deployments: 5)))

    @Test("each wall that is missing is named, with what to write")
    func walls() {
        var open = walled
        open.policy.commands = .any
        open.policy.secrets = nil
        let found = found(.policyWalls, [walled, open])
        #expect(found.map(\.severity) == [.warning])
        #expect(found[0].message.contains("commands, secrets"))
        #expect(found[0].advice?.contains("commands: deny; secrets: []") == true)
        #expect(self.found(.policyWalls, [walled]).map(\.severity) == [.ok])
        #expect(self.found(.policyWalls, [Project(repo: "/r")]).map(\.severity) == [.warning])
        #expect(self.found(.policyLimits, [Project(repo: "/r")]).map(\.severity) == [.notApplicable])
    }

    @Test("a project without limits is a warning; nothing read is not well")
    func limits() {
        var boundless = walled
        boundless.policy.limits = ProjectLimits()
        let found = found(.policyLimits, [walled, boundless])
        #expect(found.map(\.severity) == [.warning] && found[0].message.contains("'risk'"))
        #expect(self.found(.policyLimits, [walled]).map(\.severity) == [.ok])
        #expect(self.found(.policyLimits, nil).map(\.severity) == [.notLookedAt])
        #expect(self.found(.policyLimits, []).map(\.severity) == [.notLookedAt])
    }
}

@Suite("What the doctor says of programs") struct ToolFindingsTests {
    @Test(
        "versions are read from what programs say",
        arguments: [
            ("git version 2.39.5", 2, 39), (" OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15", 9, 2),
            ("git version 2.31.1 (Apple Git-130)", 2, 31),
        ])
    func versions(text: String, major: Int, minor: Int) {
        #expect(ToolFindings.Version(in: text) == ToolFindings.Version(major, minor))
    }

    @Test("one that is missing or too old is a problem with the reason; one that does not say is not known")
    func tools() {
        func severity(_ said: String?) -> Finding.Severity {
            ToolFindings.finding(ToolFindings.git, said: said).severity
        }
        #expect(severity("git version 2.31.0") == .ok)
        #expect(severity("git version 10.0.0") == .ok)
        #expect(severity("git version 2.30.9") == .problem)
        #expect(severity(nil) == .problem)
        #expect(severity("hello") == .notLookedAt)
        #expect(ToolFindings.finding(ToolFindings.git, said: "git version 2.5.0").message.contains("GIT_CONFIG_COUNT"))
    }

    @Test("a program that something starts and that is not there is named")
    func programs() {
        let there = ToolFindings.Program(name: "python3", wantedBy: "a/b", isFound: true)
        let gone = ToolFindings.Program(name: "mlserver", wantedBy: "a/c", isFound: false)
        #expect(ToolFindings.programs([there]).map(\.severity) == [.ok])
        #expect(ToolFindings.programs([]).map(\.severity) == [.notApplicable])
        #expect(ToolFindings.programs(nil).map(\.severity) == [.notLookedAt])
        let found = ToolFindings.programs([there, gone])
        #expect(found.map(\.severity) == [.problem] && found[0].message.contains("a/c starts 'mlserver'"))
    }
}

@Suite("What the doctor says of clocks") struct ClockFindingsTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func own(
        _ kernel: ClockFindings.Kernel, timesync: Bool = false, file: String? = nil, ahead: Double = 0
    ) -> [Finding.Severity] {
        ClockFindings.own(
            .init(kernel: kernel, timesyncSaysSo: timesync, newestFile: file, newestFileAheadSeconds: ahead)
        ).map(\.severity)
    }

    @Test("kept right, kept by timesyncd, kept by nobody, not known, gone back")
    func kernel() {
        #expect(own(.said(isSynchronised: true, greatestErrorSeconds: 0)) == [.ok])
        #expect(own(.said(isSynchronised: false, greatestErrorSeconds: 16)) == [.warning])
        #expect(own(.said(isSynchronised: false, greatestErrorSeconds: 16), timesync: true) == [.ok])
        #expect(own(.silent(reason: "not permitted")) == [.notLookedAt])
        let right = ClockFindings.Kernel.said(isSynchronised: true, greatestErrorSeconds: 0)
        #expect(own(right, file: "/s/journal.sqlite", ahead: 6) == [.problem])
        #expect(own(right, file: "/s/journal.sqlite", ahead: 5) == [.ok])
        #expect(own(right, file: "/s/journal.sqlite", ahead: -100) == [.ok])
    }

    private func skew(_ seconds: Double, took: Double = 0) -> Finding.Severity {
        ClockFindings.skew(
            .init(
                whose: "x", theirs: Self.now + seconds, asked: Self.now, answered: Self.now + took)
        ).severity
    }

    @Test("more than five seconds apart is a warning, more than a minute a problem, both ways")
    func skew() {
        #expect(skew(5) == .ok && skew(5.5) == .warning && skew(61) == .problem)
        // Whole seconds are cut off, so one behind is none.
        #expect(skew(-6) == .ok && skew(-6.5) == .warning && skew(-62) == .problem)
    }

    @Test("a slow answer is no skew")
    func slow() {
        #expect(skew(8, took: 8) == .ok && skew(0, took: 8) == .ok)
        #expect(skew(14, took: 8) == .warning)
    }

    @Test("a Date field is read, and no other text is")
    func date() {
        #expect(ClockFindings.date("Sun, 06 Nov 1994 08:49:37 GMT") == Date(timeIntervalSince1970: 784_111_777))
        #expect(ClockFindings.date("yesterday") == nil)
    }
}

@Suite("What the doctor says of disks") struct DiskFindingsTests {
    private func severity(
        free: Int64, of total: Int64, files: Int64 = 1_000_000, totalFiles: Int64 = 2_000_000, readOnly: Bool = false
    ) -> Finding.Severity {
        DiskFindings.finding(
            .init(
                places: ["state folder /s"], path: "/s", freeBytes: free, totalBytes: total, freeFiles: files,
                totalFiles: totalFiles, isReadOnly: readOnly)
        ).severity
    }

    @Test("full, nearly full, with room; by bytes and by inodes")
    func room() {
        #expect(severity(free: 50 << 30, of: 100 << 30) == .ok)
        #expect(severity(free: 4 << 30, of: 100 << 30) == .warning)
        #expect(severity(free: (256 << 20) - 1, of: 1 << 30) == .warning)
        #expect(severity(free: (32 << 20) - 1, of: 1 << 30) == .problem)
        #expect(severity(free: 50 << 30, of: 100 << 30, files: 999) == .problem)
        #expect(severity(free: 50 << 30, of: 100 << 30, files: 99_999) == .warning)
        #expect(severity(free: 50 << 30, of: 100 << 30, files: 0, totalFiles: 0) == .ok)
        #expect(severity(free: 50 << 30, of: 100 << 30, readOnly: true) == .problem)
    }
}

@Suite("What the doctor says of ports") struct PortFindingsTests {
    @Test("free and its own are well, anybody else's is a problem with who it is")
    func own() {
        func finding(_ holder: PortFindings.Holder) -> Finding {
            PortFindings.own(port: 8090, use: "the API (--listen)", holder: holder)
        }
        #expect(finding(.nobody).severity == .ok && finding(.ours).severity == .ok)
        #expect(finding(.other("process 7 (nginx)")).message.contains("process 7 (nginx)"))
        #expect(finding(.other("process 7 (nginx)")).severity == .problem && finding(.unknown).severity == .problem)
    }

    @Test("of many that are taken five are named and the rest counted; what is not looked at is said")
    func endpoints() {
        let taken = (0..<7).map { (port: 9000 + $0, holder: PortFindings.Holder.unknown) }
        let found = PortFindings.endpoints(looked: 100, left: 3, taken: taken, knowsManifests: true)
        #expect(found.map(\.severity) == Array(repeating: .problem, count: 6) + [.notLookedAt])
        #expect(found[5].message.hasPrefix("2 more ports"))
        func severities(_ looked: Int, knowsManifests: Bool) -> [Finding.Severity] {
            PortFindings.endpoints(looked: looked, left: 0, taken: [], knowsManifests: knowsManifests).map(\.severity)
        }
        #expect(severities(0, knowsManifests: true) == [.notApplicable])
        #expect(severities(0, knowsManifests: false) == [.notLookedAt])
        #expect(severities(5, knowsManifests: false) == [.notLookedAt, .ok])
        #expect(severities(5, knowsManifests: true) == [.ok])
    }
}

@Suite("What the doctor says of the controller") struct ControllerFindingsTests {
    private func controller(running: Bool? = true) -> ControllerFindings.Controller {
        .init(
            state: "/s", isClosed: false, isRunning: running, pid: 7, version: "1.0", api: "http://127.0.0.1:8090",
            isProgramReplaced: false, hasDeadSocket: false, damagedJournals: [], ownVersion: "1.0")
    }

    private func severities(_ change: (inout ControllerFindings.Controller) -> Void) -> [Finding.Severity] {
        var controller = controller()
        change(&controller)
        return ControllerFindings.all(controller).map(\.severity)
    }

    @Test("running, of another version, replaced, gone, never there")
    func running() {
        #expect(severities { _ in } == [.ok, .ok])
        #expect(severities { $0.version = "0.9" } == [.warning, .ok])
        #expect(severities { $0.version = nil } == [.warning, .ok])
        #expect(severities { $0.isProgramReplaced = true } == [.warning, .ok])
        #expect(severities { $0.isRunning = false } == [.warning, .ok])
        #expect(severities { ($0.isRunning, $0.pid) = (false, nil) } == [.notApplicable, .ok])
        #expect(severities { $0.isRunning = nil } == [.notApplicable, .notApplicable])
    }

    @Test("what cannot be looked into is not known")
    func closed() {
        #expect(severities { $0.isClosed = true } == [.notLookedAt, .notLookedAt])
    }

    @Test("a socket without a controller, and a damaged journal, are signs of a crash")
    func crashes() {
        #expect(severities { ($0.isRunning, $0.hasDeadSocket) = (false, true) } == [.warning, .warning])
        #expect(severities { $0.damagedJournals = ["/s/journal.sqlite.corrupt-1"] } == [.ok, .warning])
    }
}

@Suite("What the doctor says of repositories and sources") struct SourceFindingsTests {
    @Test("refused, with mistakes, empty, and well")
    func repositories() {
        func severities(_ repository: SourceFindings.Repository) -> [Finding.Severity] {
            SourceFindings.repository(repository, of: "risk", at: "/r").map(\.severity)
        }
        #expect(severities(.refused(message: "no such branch")) == [.problem, .notLookedAt])
        #expect(severities(.read(commit: "abc", manifests: 2, mistakes: ["a.yaml: no"])) == [.ok, .warning])
        #expect(severities(.read(commit: "abc", manifests: 0, mistakes: [])) == [.ok, .warning])
        #expect(severities(.read(commit: "abc", manifests: 2, mistakes: [])) == [.ok, .ok])
    }

    @Test("a source that does not answer is a problem, one that may be anybody a warning")
    func sources() {
        func severities(_ problem: String?, _ anybody: Bool) -> [Finding.Severity] {
            SourceFindings.source("p", asked: "http://p", problem: problem, believesAnybody: anybody).map(\.severity)
        }
        #expect(severities(nil, false) == [.ok])
        #expect(severities("no answer within 8 s", false) == [.problem])
        #expect(severities(nil, true) == [.ok, .warning])
    }
}
