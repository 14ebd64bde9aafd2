import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Journal

/// A disk of one mebibyte that fills up while the process continues.
///
/// Mounting it needs root and a namespace. Without these the test says so and is skipped.
@Suite("A journal on a disk that fails", .timeLimit(.minutes(10)))
struct FullDiskTests {
    private static let folderVariable = "MLCTL_TEST_FULL_DISK"
    private static let isChild = ProcessInfo.processInfo.environment[folderVariable] != nil

    private static let canMount: Bool = {
        geteuid() == 0 && (try? ChildProcess.run(["unshare", "-m", "true"])) != nil
    }()

    @Test(
        "when it fills up, the process lives, reports each failure, and continues when there is room again",
        .enabled(if: canMount))
    func survives() async throws {
        guard !Self.isChild else { return }
        let folder = try TemporaryFolder()
        let script = """
            mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"
            """
        let runner = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let output = try ChildProcess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", folder.path, runner] + Self.arguments,
            environment: [Self.folderVariable: folder.path])
        #expect(output.contains("went on when the disk was full, and when it was mended"), "\(output)")
    }

    /// Runs this test runner with only the child's part.
    private static let arguments = ["--testing-library", "swift-testing", "--filter", "FullDiskTests/child"]

    @Test("as the child of the test above", .enabled(if: isChild))
    func child() async throws {
        let folder = try #require(ProcessInfo.processInfo.environment[Self.folderVariable])
        let key = DeploymentKey(namespace: "payments", name: "fraud")
        let store = try JournalStore(path: folder + "/journal.sqlite")
        var version: Int? = try await store.swap(key, expecting: nil, state: Data("one".utf8), events: [])
        // Small records, so that every page of the log is used before the disk is full.
        var refusals = 0
        for number in 0..<20_000 where refusals < 50 {
            do {
                let event = RolloutEvent(at: Date(), kind: .stepStarted, message: "\(number)")
                version = try await store.swap(
                    key, expecting: version, state: Data(repeating: 7, count: 500), events: [event])
            } catch let error as JournalError {
                #expect(error.code == .diskFull || error.code == .inputOutput)
                refusals += 1
            }
        }
        #expect(refusals == 50)
        #expect(try await store.record(for: key)?.version == version)
        // A decision that takes a candidate out of traffic is kept all the same, because its room was allocated before.
        #expect(await store.storeWithdrawal(key, expecting: version, state: Data("retreat".utf8), events: []))
        #expect(try await store.record(for: key)?.state == Data("retreat".utf8))

        _ = try ChildProcess.run(["mount", "-o", "remount,size=64m", folder])
        let next = try await store.swap(key, expecting: version, state: Data("three".utf8), events: [])
        #expect(try await store.record(for: key) == StateRecord(version: next, state: Data("three".utf8)))
        print("went on when the disk was full, and when it was mended")
    }
}
