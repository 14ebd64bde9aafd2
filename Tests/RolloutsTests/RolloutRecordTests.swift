import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

/// Each format has golden records, written by the version that used it.
@Suite("Records")
struct RolloutRecordTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
        path: "Fixtures")

    private static func record(_ name: String) throws -> Data {
        try Data(contentsOf: fixtures.appending(path: "\(name).json"))
    }

    @Test(
        "format 1 is read, with its meaning",
        arguments: [
            ("healthy", Phase.healthy, nil, 0), ("rolled-back", .rolledBack, nil, 1), ("preparing", .preparing, 0, 1),
            ("at-approval", .paused, 50, 1), ("held", .paused, 50, 1), ("promoting", .promoting, 100, 1),
            ("probation", .probation, 95, 1), ("rolling-back", .rollingBack, 0, 2), ("removed", .idle, nil, 2),
        ] as [(String, Phase, Int?, Int)])
    func format1(name: String, phase: Phase, weight: Int?, quarantined: Int) throws {
        let state = try RolloutRecord.decode(Self.record("format-1-\(name)"))
        #expect(state.format == RolloutState.currentFormat)
        #expect(state.phase == phase)
        #expect(state.rollout?.weight == weight)
        #expect(state.quarantined.count == quarantined)
        #expect(try RolloutRecord.decode(RolloutRecord.encode(state)) == state)
    }

    @Test("the step of format 1 is found again")
    func step() throws {
        let state = try RolloutRecord.decode(Self.record("format-1-at-approval"))
        #expect(state.rollout?.stepping?.current?.step.action == .approval)
        #expect(state.rollout?.stepping?.done.count == 3)
        #expect(state.rollout?.stepping?.isApproved == false)
    }

    @Test("a record of a newer or unknown version is an error that says what to do", arguments: [3, 0, -1])
    func others(format: Int) throws {
        var record = try #require(
            JSONSerialization.jsonObject(with: Self.record("format-1-healthy")) as? [String: Any])
        record["format"] = format
        let data = try JSONSerialization.data(withJSONObject: record)
        let failure = #expect(throws: RolloutRecord.Failure.self) { try RolloutRecord.decode(data) }
        #expect((failure == .newerFormat(3)) == (format == 3))
        #expect("\(try #require(failure))".contains("this version of mlctl"))
    }

    @Test(
        "bytes that are not a record give an error with the place",
        arguments: ["", "{}", #"{"format":2,"since":1}"#, "[1]"])
    func unreadable(text: String) {
        #expect(throws: RolloutRecord.Failure.self) { try RolloutRecord.decode(Data(text.utf8)) }
    }

    @Test("format 2 is written as it was when it was introduced")
    func format2() throws {
        let state = try RolloutRecord.decode(Self.record("format-2-probation"))
        #expect(state.phase == .probation)
        #expect(state.rollout?.availability.unavailableSince == nil)
        #expect(state.rollout?.weight == 95)
    }
}
