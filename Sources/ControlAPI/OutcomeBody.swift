import ControlPorts
import Foundation

/// The body of `POST /api/v1/outcomes`: one object, an array of objects, `{"outcomes": […]}`, or one object per line. Readable
/// parts are used even if other parts are not readable.
///
/// An object is `{"requestId": "…", "label": "correct", "value": 1}`, or `{"requestId": "…", "correct": true, "cost": 2.5}`,
/// where every further member is a label.
struct OutcomeBody {
    private(set) var outcomes: [ReportedOutcome] = []
    private(set) var refusals: [OutcomeReceipt.Refusal] = []

    /// - Parameter isLines: `application/x-ndjson`.
    /// - Throws: `ControlError.invalid` if nothing can be read, or there are too many outcomes.
    init(_ data: Data, isLines: Bool) throws(ControlError) {
        for entry in try isLines ? Self.lines(data) : Self.document(data) {
            outcomes += entry.outcomes
            refusals += entry.refusals
            guard outcomes.count + refusals.count <= APILimits.outcomes else {
                throw ControlError(.invalid, "more than \(APILimits.outcomes) outcomes: send them in parts")
            }
        }
    }

    private static func lines(_ data: Data) throws(ControlError) -> [Entry] {
        let decoder = JSONDecoder()
        var entries: [Entry] = []
        for line in data.split(separator: UInt8(ascii: "\n"))
        where line.contains(where: { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }) {
            entries.append((try? decoder.decode(Entry.self, from: Data(line))) ?? .unreadable)
        }
        guard entries.contains(where: { $0.isReadable }) else {
            throw ControlError(.invalid, #"no line is a JSON object such as {"requestId": "…", "correct": 1}"#)
        }
        return entries
    }

    private static func document(_ data: Data) throws(ControlError) -> [Entry] {
        let decoder = JSONDecoder()
        if let wrapped = try? decoder.decode([String: [Entry]].self, from: data), wrapped.count == 1,
            let entries = wrapped["outcomes"]
        {
            return entries
        }
        if let entries = try? decoder.decode([Entry].self, from: data) { return entries }
        if let entry = try? decoder.decode(Entry.self, from: data), entry.isReadable { return [entry] }
        throw ControlError(
            .invalid,
            #"the body must be {"requestId": "…", "label": "correct", "value": 1}, a list of such objects, "#
                + #"{"outcomes": […]}, or with content-type application/x-ndjson one object a line"#)
    }
}

/// The content of one object. Decoding never throws, so that one wrong object does not spoil the others.
private struct Entry: Decodable {
    var outcomes: [ReportedOutcome] = []
    var refusals: [OutcomeReceipt.Refusal] = []
    var isReadable = true

    static var unreadable: Entry {
        var entry = Entry()
        entry.isReadable = false
        entry.refusals = [
            .init(requestId: "", label: "", reason: #"not an object such as {"requestId": "…", "correct": 1}"#)
        ]
        return entry
    }

    private init() {}

    init(from decoder: any Decoder) throws {
        guard let members = try? decoder.container(keyedBy: Member.self) else {
            self = .unreadable
            return
        }
        guard let requestId = try? members.decode(String.self, forKey: "requestId") else {
            refuse("", "", "it has no \"requestId\": take it from the answer's header x-mlctl-request-id")
            return
        }
        let label = try? members.decode(String.self, forKey: "label")
        for key in members.allKeys where key != "requestId" && key != "label" {
            add(requestId, key == "value" && label != nil ? label ?? "" : key.stringValue, members, key)
        }
        if outcomes.isEmpty, refusals.isEmpty {
            refuse(requestId, label ?? "", #"it has no outcome: add "value", or members such as "correct": 1"#)
        }
    }

    private mutating func add(
        _ requestId: String, _ label: String, _ members: KeyedDecodingContainer<Member>, _ key: Member
    ) {
        if let flag = try? members.decode(Bool.self, forKey: key) {
            outcomes.append(ReportedOutcome(requestId: requestId, label: label, value: flag ? 1 : 0))
        } else if let number = try? members.decode(Double.self, forKey: key) {
            outcomes.append(ReportedOutcome(requestId: requestId, label: label, value: number))
        } else {
            refuse(requestId, label, "its value must be a finite number, true or false")
        }
    }

    private mutating func refuse(_ requestId: String, _ label: String, _ reason: String) {
        refusals.append(.init(requestId: requestId, label: label, reason: reason))
    }
}

private struct Member: CodingKey, Hashable, ExpressibleByStringLiteral {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init(stringLiteral value: String) { stringValue = value }
    init?(intValue: Int) { nil }
}
