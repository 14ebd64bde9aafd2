import Dispatch
import Testing

@testable import Commands

@Suite("Running the doctor's checks") struct CheckRoundTests {
    private struct Fault: Error, CustomStringConvertible { var description = "the folder is gone" }

    private static let long = Duration.seconds(60)

    private func findings(_ checks: [Check], isOffline: Bool = false) async -> [Finding] {
        await ParallelChecks(isOffline: isOffline, grace: .zero).findings(of: checks)
    }

    @Test("each check name has a finding, whatever was examined")
    func complete() async {
        let found = await findings([Check(about: [.toolGit], limit: Self.long) { [.ok(.toolGit, "fine")] }])
        #expect(Set(found.map(\.check)) == Set(CheckID.allCases))
        #expect(found.filter { $0.severity == .ok } == [.ok(.toolGit, "fine")])
        #expect(found.filter { $0.severity != .ok }.allSatisfy { $0.severity == .notApplicable })
    }

    @Test("a check that throws counts as not examined, and keeps its error message")
    func failing() async {
        let found = await findings([Check(about: [.stateMode, .stateSecrets], limit: Self.long) { throw Fault() }])
        for check in [CheckID.stateMode, .stateSecrets] {
            #expect(found.filter { $0.check == check } == [.notLookedAt(check, "the folder is gone")])
        }
    }

    @Test("a check that blocks its thread is abandoned and reported, and delays no other check")
    func hanging() async {
        let gate = DispatchSemaphore(value: 0)
        defer { gate.signal() }
        // More than the threads of the concurrency pool.
        let hanging = (0..<8).map { _ in
            Check(about: [.diskRoom], limit: .milliseconds(50)) {
                gate.wait()
                gate.signal()
                return [.ok(.diskRoom, "too late")]
            }
        }
        let found = await findings(hanging + [Check(about: [.toolGit], limit: Self.long) { [.ok(.toolGit, "fine")] }])
        let disk = found.filter { $0.check == .diskRoom }
        #expect(disk.count == 8 && disk.allSatisfy { $0.severity == .notLookedAt && $0.message.contains("50ms") })
        #expect(found.contains(.ok(.toolGit, "fine")))
    }

    @Test("a finding that comes after the check was cancelled is ignored")
    func late() async {
        let found = await ParallelChecks(isOffline: false, grace: Self.long).findings(of: [
            Check(about: [.diskRoom], limit: .milliseconds(20)) {
                try? await Task.sleep(for: Self.long)
                return [.ok(.diskRoom, "fine")]
            }
        ])
        #expect(found.filter { $0.check == .diskRoom }.map(\.severity) == [.notLookedAt])
    }

    @Test("offline, checks that need the network are not started")
    func offline() async {
        let found = await findings(
            [
                Check(about: [.sourceReachable], isNetwork: true, limit: Self.long) {
                    Issue.record("it was begun")
                    return []
                },
                Check(about: [.toolGit], limit: Self.long) { [.ok(.toolGit, "fine")] },
            ], isOffline: true)
        let source = found.filter { $0.check == .sourceReachable }
        #expect(source.count == 1 && source[0].severity == .notLookedAt && source[0].message.contains("--offline"))
        #expect(found.contains(.ok(.toolGit, "fine")))
    }
}
