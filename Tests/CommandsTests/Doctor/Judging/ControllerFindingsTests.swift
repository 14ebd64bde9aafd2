import Testing

@testable import Commands

@Suite("The doctor's findings on the controller") struct ControllerFindingsTests {
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

    @Test("running, of another version, replaced, gone, never started")
    func running() {
        #expect(severities { _ in } == [.ok, .ok])
        #expect(severities { $0.version = "0.9" } == [.warning, .ok])
        #expect(severities { $0.version = nil } == [.warning, .ok])
        #expect(severities { $0.isProgramReplaced = true } == [.warning, .ok])
        #expect(severities { $0.isRunning = false } == [.warning, .ok])
        #expect(severities { ($0.isRunning, $0.pid) = (false, nil) } == [.notApplicable, .ok])
        #expect(severities { $0.isRunning = nil } == [.notApplicable, .notApplicable])
    }

    @Test("a state folder that cannot be read gives \"not known\"")
    func closed() {
        #expect(severities { $0.isClosed = true } == [.notLookedAt, .notLookedAt])
    }

    @Test("a socket without a controller and a damaged journal are signs of a crash")
    func crashes() {
        #expect(severities { ($0.isRunning, $0.hasDeadSocket) = (false, true) } == [.warning, .warning])
        #expect(severities { $0.damagedJournals = ["/s/journal.sqlite.corrupt-1"] } == [.ok, .warning])
    }
}
