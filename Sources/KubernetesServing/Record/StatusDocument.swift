import ControlPorts
import Foundation
import JSON
import ModelManifests

/// The `status` of a ModelDeployment for people and tools: what `mlctl status` shows, in the API's spelling. Pure.
struct StatusDocument: Equatable, Sendable {
    /// For each condition: its status, and the time of its last change.
    typealias Transitions = [String: Transition]

    struct Transition: Equatable, Sendable {
        var status: String
        var at: String
    }

    /// `null` if there is no value: in a merge patch that removes the field.
    private(set) var fields: [String: JSONValue]
    let transitions: Transitions

    /// - Parameters:
    /// - generation: of the spec that this status describes.
    /// - before: the conditions' transitions at the last write.
    init(_ status: DeploymentStatus, generation: Int?, before: Transitions, now: Date) {
        let at = now.formatted(.iso8601)
        var transitions: Transitions = [:]
        for condition in status.conditions {
            let known = before[condition.type]
            transitions[condition.type] =
                known?.status == condition.status ? known : Transition(status: condition.status, at: at)
        }
        self.transitions = transitions
        fields = Self.clearing(Self.object(status))
        fields["namespace"] = nil
        fields["name"] = nil
        fields["observedGeneration"] = generation.map(JSONValue.integer) ?? .null
        fields["commit"] = status.desired.map { .string($0.commit) } ?? .null
        fields["conditions"] = .array(
            status.conditions.map { condition in
                [
                    "type": .string(condition.type), "status": .string(condition.status),
                    "reason": .string(condition.reason), "message": .string(condition.message),
                    "lastTransitionTime": .string(transitions[condition.type]?.at ?? at),
                    "observedGeneration": .integer(generation ?? 0),
                ]
            })
    }

    /// The transitions in a status that was read.
    static func transitions(in status: JSONValue) -> Transitions {
        guard case .object(let fields) = status, case .array(let conditions)? = fields["conditions"] else { return [:] }
        return conditions.reduce(into: [:]) { transitions, condition in
            guard case .object(let condition) = condition, case .string(let type)? = condition["type"],
                case .string(let value)? = condition["status"],
                case .string(let at)? = condition["lastTransitionTime"]
            else { return }
            transitions[type] = Transition(status: value, at: at)
        }
    }

    /// Fields that are not worth a write of their own; they are written with the next one. A new commit is the commit of all
    /// deployments, a deadline moves with the clock, and counts grow with the traffic.
    static let followers: Set<String> = [
        "record", "events", "commit", "deadlineAt", "cutRequests", "refusedConnections",
        "split",
    ]

    /// Equal if there is nothing to write, whether the status was made here or read from the server.
    static func fingerprint(_ status: JSONValue) -> SpecFingerprint {
        guard case .object(var fields) = status.withoutNulls else { return SpecFingerprint(.null) }
        fields = fields.filter { !followers.contains($0.key) }
        if case .object(var desired)? = fields["desired"] {
            desired["commit"] = nil
            fields["desired"] = .object(desired)
        }
        if case .object(var waiting)? = fields["waiting"] {
            waiting["endsAt"] = nil
            fields["waiting"] = .object(waiting)
        }
        for name in ["stable", "candidate"] {
            guard case .object(var revision)? = fields[name] else { continue }
            revision["unavailable"] = nil
            revision["abandoned"] = nil
            fields[name] = .object(revision)
        }
        if case .array(let conditions)? = fields["conditions"] {
            fields["conditions"] = .array(
                conditions.map { $0.merging(["lastTransitionTime": .null]) })
        }
        return SpecFingerprint(.object(fields))
    }

    var fingerprint: SpecFingerprint { Self.fingerprint(.object(fields)) }

    /// Equal only if the fingerprints are equal, within this process, and computed without a document. Ignores the `followers`
    /// that a status has.
    static func outline(_ status: DeploymentStatus, generation: Int?) -> Int {
        var own = status
        own.deadlineAt = nil
        own.waiting?.endsAt = nil
        own.cutRequests = nil
        own.refusedConnections = nil
        own.split = nil
        own.stable?.unavailable = nil
        own.candidate?.unavailable = nil
        own.stable?.abandoned = nil
        own.candidate?.abandoned = nil
        own.desired?.commit = ""
        var hasher = Hasher()
        hasher.combine(own)
        hasher.combine(generation)
        return hasher.finalize()
    }

    /// A merge patch keeps what it does not name: what `mlctl status` leaves out has to be taken away.
    private static let leftOut = [
        "leftVersion", "cutRequests", "refusedConnections", "lastSeenAt", "split", "passedOver",
    ]
    private static let leftOutOfRevisions = ["restarts", "ejected", "unavailable", "abandoned", "progress"]

    private static func clearing(_ fields: [String: JSONValue]) -> [String: JSONValue] {
        var cleared = fields
        for name in leftOut where fields[name] == nil { cleared[name] = .null }
        for side in ["stable", "candidate"] {
            guard case .object(var revision)? = fields[side] else { continue }
            for name in leftOutOfRevisions where revision[name] == nil { revision[name] = .null }
            cleared[side] = .object(revision)
        }
        return cleared
    }

    private static func object(_ status: DeploymentStatus) -> [String: JSONValue] {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        guard let data = try? encoder.encode(status),
            case .object(let fields)? = try? JSONValue(parsing: data)
        else { return [:] }
        return fields
    }
}

extension JSONValue {
    /// Treats members that are null as absent.
    var withoutNulls: JSONValue {
        switch self {
        case .object(let members): .object(members.filter { $0.value != .null }.mapValues(\.withoutNulls))
        case .array(let items): .array(items.map(\.withoutNulls))
        default: self
        }
    }

    /// The JSON merge patch (RFC 7386) that turns this value into the other; nil if they are equal.
    func mergePatch(to other: JSONValue) -> JSONValue? {
        if self == other { return nil }
        guard case .object(let own) = self, case .object(let wanted) = other else { return other }
        var patch: [String: JSONValue] = [:]
        for name in own.keys where wanted[name] == nil { patch[name] = .null }
        for (name, value) in wanted {
            patch[name] = own[name].map { $0.mergePatch(to: value) } ?? value
        }
        return .object(patch)
    }
}
