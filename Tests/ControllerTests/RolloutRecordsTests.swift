import ControlPorts
import Foundation
import ModelManifests
import Rollouts
import TestSupport
import Testing

@testable import Controller

@Suite("Records")
struct RolloutRecordsTests {
    @Test("are read as they were written")
    func roundTrip() throws {
        let state = try #require(World.serving("good-1").state)
        #expect(try RolloutRecords.decode(RolloutRecords.encode(state)) == state)
    }

    @Test("of a later format are refused because of their format, whatever else is in them")
    func later() throws {
        let error = #expect(throws: UnreadableRecord.self) { try RolloutRecords.decode(Data(#"{"format": 99}"#.utf8)) }
        #expect(error?.description.contains("format 99") == true)
    }

    @Test(
        "that are malformed are refused", arguments: ["", "{}", "[]", #"{"format": 1, "phase": "Dancing"}"#, "\u{1}"])
    func garbage(text: String) {
        #expect(throws: UnreadableRecord.self) { try RolloutRecords.decode(Data(text.utf8)) }
    }
}

@Suite("Notifications for events")
struct NoticeKindTests {
    @Test(
        "are sent for the end of a rollout, for decisions by people, degradation, recovery and warnings, and for nothing else"
    )
    func kinds() {
        let told = Dictionary(
            uniqueKeysWithValues: RolloutEvent.Kind.allCases.compactMap { kind in
                Notice.Kind(kind).map { (kind.rawValue, $0) }
            })
        #expect(told["promoted"] == .promoted && told["rolledBack"] == .rolledBack)
        #expect(told["stuck"] == .stuck && told["failed"] == .stuck)
        #expect(told["gatePassed"] == nil && told["warning"] == nil)
        #expect(
            Set(told.keys).isSubset(of: [
                "promoted", "rolledBack", "stuck", "failed", "degraded", "available", "recovered", "gateWarned",
            ]))
    }
}
