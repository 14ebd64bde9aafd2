import ControlPorts
import Foundation
import Testing

@testable import ControlAPI

@Suite("A body of outcomes")
struct OutcomeBodyTests {
    private func read(_ text: String, isLines: Bool = false) throws -> OutcomeBody {
        try OutcomeBody(Data(text.utf8), isLines: isLines)
    }

    private func sorted(_ outcomes: [ReportedOutcome]) -> [ReportedOutcome] {
        outcomes.sorted { ($0.requestId, $0.label) < ($1.requestId, $1.label) }
    }

    private static let two = [
        ReportedOutcome(requestId: "a", label: "correct", value: 1),
        ReportedOutcome(requestId: "a", label: "cost", value: 2.5),
    ]

    @Test(
        "means the same in every form",
        arguments: [
            (#"{"requestId": "a", "correct": 1, "cost": 2.5}"#, false),
            (#"{"requestId": "a", "correct": true, "cost": 2.5}"#, false),
            (#"[{"requestId": "a", "label": "correct", "value": 1}, {"requestId": "a", "cost": 2.5}]"#, false),
            (
                #"{"outcomes": [{"requestId": "a", "correct": 1}, {"requestId": "a", "label": "cost", "value": 2.5}]}"#,
                false
            ),
            ("{\"requestId\": \"a\", \"correct\": 1}\r\n\n{\"requestId\": \"a\", \"cost\": 2.5}\n", true),
        ])
    func forms(text: String, isLines: Bool) throws {
        let body = try read(text, isLines: isLines)
        #expect(sorted(body.outcomes) == Self.two)
        #expect(body.refusals.isEmpty)
    }

    @Test("accepts false as 0, and a label named value")
    func values() throws {
        #expect(try read(#"{"requestId": "a", "correct": false}"#).outcomes.map(\.value) == [0])
        #expect(try read(#"{"requestId": "a", "value": 3}"#).outcomes.map(\.label) == ["value"])
    }

    @Test(
        "refuses what is wrong with one object, and accepts the others",
        arguments: [
            (#"{"requestId": "b", "correct": "yes"}"#, "number"),
            (#"{"requestId": "b", "correct": null}"#, "number"),
            (#"{"requestId": "b", "correct": 1e999}"#, "number"),
            (#"{"requestId": "b"}"#, "has no outcome"),
            (#"{"requestId": "b", "label": "correct"}"#, "has no outcome"),
            (#"{"correct": 1}"#, "requestId"),
            (#"{"requestId": 7, "correct": 1}"#, "requestId"),
            ("[1]", "not an object"),
            ("3", "not an object"),
        ])
    func oneWrong(object: String, reason: String) throws {
        let good = #"{"requestId": "a", "label": "correct", "value": 1}"#
        let bodies = [
            try read("[\(good), \(object), \(good)]"), try read("\(good)\n\(object)\n\(good)", isLines: true),
        ]
        for body in bodies {
            #expect(body.outcomes == [Self.two[0], Self.two[0]])
            #expect(body.refusals.count == 1)
            #expect(body.refusals.first?.reason.contains(reason) == true)
        }
    }

    @Test(
        "is refused as a whole if nothing in it can be read",
        arguments: [
            ("", false), ("x", false), ("3", false), ("[1, 2", false), ("", true), ("x\ny", true), ("\n \n", true),
        ])
    func unreadable(text: String, isLines: Bool) {
        #expect(throws: ControlError.self) { try read(text, isLines: isLines) }
    }

    @Test("may be empty lists")
    func empty() throws {
        #expect(try read("[]").outcomes.isEmpty)
        #expect(try read(#"{"outcomes": []}"#).outcomes.isEmpty)
    }

    @Test("may have as many outcomes as the limit, and not one more")
    func limit() throws {
        let line = #"{"requestId": "a", "correct": 1}"#
        let full = Array(repeating: line, count: APILimits.outcomes)
        #expect(try read(full.joined(separator: "\n"), isLines: true).outcomes.count == APILimits.outcomes)
        #expect(throws: ControlError.self) { try read((full + [line]).joined(separator: "\n"), isLines: true) }
    }
}
