import Foundation
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

/// Random requests, sent to the model and to a real API server in step: the answers must be equal. After anvil's conformance
/// tests of its model.
@Suite(
    "Generated requests", .enabled(if: Cluster.kubeconfig != nil, "no MLCTL_TEST_KUBECONFIG"), .timeLimit(.minutes(10)))
struct GeneratedRequestsTests {
    static let requestsPerSeed = 150
    static let firstSeed =
        ProcessInfo.processInfo.environment["MLCTL_TEST_SEED"].flatMap { UInt64($0) } ?? 20_261_121
    static let seeds = (0..<6).map { firstSeed + UInt64($0) }

    /// The parts of an answer that are compared.
    struct Outcome: Hashable {
        var code: Int
        var reason: String?
        var content: JSONValue?
        var labels: JSONValue?
        var finalizers: JSONValue?
        var isBeingDeleted: Bool
        var generation: Int?
        var owners: [String: JSONValue]
        var names: [String]
        var causes: Int

        init(_ answer: Trial.Answer) {
            code = answer.code
            reason = answer.reason
            content = answer.body[field: "data"] ?? answer.body[field: "spec"]
            labels = answer.metadata[field: "labels"]
            finalizers = answer.metadata[field: "finalizers"]
            isBeingDeleted = answer.metadata[field: "deletionTimestamp"] != nil
            generation = answer.generation
            owners = answer.owners
            names = answer.names.filter { $0 != "kube-root-ca.crt" }
            // A real server reports some causes twice.
            causes = Set(answer.causes).count
        }
    }

    @Test("the model and a real server give the same answers", arguments: seeds)
    func alike(seed: UInt64) async throws {
        print("Generated requests, seed \(seed)")
        let name = "generated-\(ProcessInfo.processInfo.processIdentifier)-\(seed % 1_000)"
        try await Cluster.with(.model) { model in
            try await Cluster.with(.real) { real in
                let (left, right) = (Trial(cluster: model, namespace: name), Trial(cluster: real, namespace: name))
                for trial in [left, right] { _ = try await trial.create(.namespaces, name) }
                try await left.withGadgets { gadgets in
                    try await right.withGadgets { _ in
                        try await Self.run(seed, [left, right], [.configMaps, gadgets])
                        // A finalizer would block the deletion of its namespace and its type.
                        for name in RequestGenerator.names {
                            let free: JSONValue = ["metadata": ["finalizers": .null]]
                            _ = try await right.merge(.configMaps, name, free)
                            _ = try await right.merge(gadgets, name, free)
                        }
                    }
                }
                _ = try await right.delete(.namespaces, name)
            }
        }
    }

    private static func run(_ seed: UInt64, _ trials: [Trial], _ types: [ResourceType]) async throws {
        var requests = RequestGenerator(seed: seed, types: types)
        // Versions differ between the two, so each object's versions are remembered by their place in its history.
        var versions: [[String: [String]]] = [[:], [:]]
        for number in 0..<requestsPerSeed {
            let request = requests.next()
            var outcomes: [Outcome] = []
            for (index, trial) in trials.enumerated() {
                let answer = try await request.send(trial, versions[index])
                if answer.code < 300, !answer.version.isEmpty, request.name != nil {
                    versions[index][request.place, default: []].append(answer.version)
                }
                outcomes.append(Outcome(answer))
            }
            #expect(outcomes[0] == outcomes[1], "seed \(seed), request \(number): \(request)")
            if outcomes[0] != outcomes[1] { return }
        }
    }
}

/// A request whose versions are not known yet.
struct GeneratedRequest: Sendable {
    enum Verb: Sendable {
        case create, replace, replaceStale, replaceBlindly, merge, delete, get, list
        case apply(manager: String, force: Bool)
    }

    var verb: Verb
    var type: ResourceType
    var name: String?
    var fields: JSONValue

    var place: String { "\(type.plural)/\(name ?? "")" }

    func send(_ trial: Trial, _ versions: [String: [String]]) async throws -> Trial.Answer {
        let name = name ?? ""
        switch verb {
        case .create: return try await trial.create(type, name, fields)
        case .merge: return try await trial.merge(type, name, fields)
        case .delete: return try await trial.delete(type, name)
        case .get: return try await trial.get(type, name)
        case .list: return try await trial.list(type, labels: "x")
        case .apply(let manager, let force):
            return try await trial.apply(type, name, fields, by: manager, force: force)
        case .replaceBlindly: return try await trial.replace(type, name, trial.object(type, name, fields))
        case .replace, .replaceStale:
            let known = versions[place] ?? []
            var body = trial.object(type, name, fields)
            let found = try await trial.get(type, name)
            let newest = found.code == 200 ? found.version : known.last
            var isStale = false
            if case .replaceStale = verb { isStale = true }
            let old = known.first { $0 != newest } ?? "1"
            body.set(.string(isStale ? old : newest ?? "1"), at: "metadata", "resourceVersion")
            return try await trial.replace(type, name, body)
        }
    }
}

/// Two names, three managers and few keys, so that requests meet each other.
struct RequestGenerator {
    static let names = ["a", "b"]

    private var draws: SeededRandom
    private let types: [ResourceType]

    init(seed: UInt64, types: [ResourceType]) {
        draws = SeededRandom(seed: seed)
        self.types = types
    }

    private mutating func draw(_ count: Int) -> Int { Int(draws.next() % UInt64(count)) }

    private mutating func pick<Value>(_ values: [Value]) -> Value { values[draw(values.count)] }

    mutating func next() -> GeneratedRequest {
        let type = pick(types)
        let verb: GeneratedRequest.Verb =
            switch draw(20) {
            case 0..<2: .create
            case 2..<10: .apply(manager: pick(["one", "two", "three"]), force: draw(3) == 0)
            case 10..<13: .merge
            case 13..<15: .replace
            case 15: .replaceStale
            case 16: .replaceBlindly
            case 17: .delete
            case 18: .get
            default: .list
            }
        if case .list = verb { return GeneratedRequest(verb: verb, type: type, name: nil, fields: .object([:])) }
        return GeneratedRequest(verb: verb, type: type, name: pick(Self.names), fields: fields(type, verb))
    }

    private mutating func fields(_ type: ResourceType, _ verb: GeneratedRequest.Verb) -> JSONValue {
        var mayBeNull = false
        if case .merge = verb { mayBeNull = true }
        var fields: JSONValue = .object([:])
        let content = type == .configMaps ? "data" : "spec"
        for key in ["k", "l", "m"] where draw(2) == 0 {
            fields.set(mayBeNull && draw(3) == 0 ? .null : pick(["1", "2"]), at: content, key)
        }
        if type != .configMaps, draw(2) == 0 {
            for key in ["p", "q"] where draw(2) == 0 {
                fields.set(pick([1, 2, [1], [2, 3]]), at: content, "map", key)
            }
        }
        for key in ["x", "y"] where draw(3) == 0 { fields.set(pick(["1", "2"]), at: "metadata", "labels", key) }
        if draw(6) == 0 { fields.set(["mlctl.dev/f"], at: "metadata", "finalizers") }
        if mayBeNull, draw(3) == 0 { fields.set(.null, at: "metadata", "finalizers") }
        return fields
    }
}
