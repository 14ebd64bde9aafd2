import Foundation
import JSON
import TestSupport
import Testing

@testable import ModelManifests

/// The JSON Schema beside the validator, over mutations of a manifest, with a JSON Schema validator that nobody here wrote
/// (Python's jsonschema).
@Suite("The JSON Schema and the validator")
struct SchemaAgreementTests {
    /// Uses most fields of a deployment on one machine.
    private static let manifest = """
        {"apiVersion": "mlctl.dev/v1alpha1", "kind": "ModelDeployment",
         "metadata": {"name": "fraud-scorer", "namespace": "payments", "labels": {"team": "risk"}},
         "spec": {
          "model": {"version": "3", "storageUri": "https://example.com/m.tar.gz", "format": "sklearn",
            "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "lineage": {"run": "r1"}},
          "runtime": {"command": ["serve"], "args": ["--fast"], "env": [{"name": "A", "value": "b"}],
            "ports": [{"name": "http"}], "probes": {"readiness": {"httpGet": {"path": "/ready"}, "periodSeconds": 2}}},
          "replicas": 2, "resources": {"limits": {"cpu": "2", "memory": "4Gi"}},
          "endpoint": {"port": 9000, "requestTimeout": "30s", "maxConcurrency": 8,
            "queue": {"depth": 10, "timeout": "5s"}, "idempotent": true},
          "drain": {"timeout": "60s", "streamTimeout": "10m"},
          "rollout": {"strategy": "canary", "capacity": "surge",
            "steps": [{"setWeight": 5}, {"pause": {"duration": "2m"}}, {"gate": {"name": "errors"}}, {"approval": {}},
              {"setWeight": 100}],
            "gates": [{"name": "errors", "compare": {"metric": "errors", "maxRelativeIncrease": 0.1, "minSamples": 200}},
              {"name": "p99", "threshold": {"metric": "latencyP99", "max": 0.25}}],
            "falseRollbackRate": 0.02, "missedRegressionRate": 0.1, "progressDeadline": "20m", "onInsufficient": "pause",
            "onFailure": "rollback", "probation": {"duration": "10m", "holdback": 5}, "unavailableAfter": "20s"},
          "dependsOn": [{"name": "encoder"}], "suspend": false}}
        """

    /// Objects whose keys are names that the user chooses.
    private static let dictionaries: Set = ["labels", "lineage", "limits"]

    private struct Mutation {
        var name: String
        var document: JSONValue
        /// Wrong in a way that a schema can say: an unknown field, or another type of value.
        var isStructural: Bool
    }

    private static func mutations(
        of value: JSONValue, at path: String = "", _ rebuild: (JSONValue) -> JSONValue
    ) -> [Mutation] {
        var found: [Mutation] = []
        func add(_ name: String, _ changed: JSONValue, isStructural: Bool = false) {
            found.append(Mutation(name: "\(path): \(name)", document: rebuild(changed), isStructural: isStructural))
        }
        switch value {
        case .object(let members):
            let own = path.split(separator: ".").last.map(String.init) ?? ""
            if !dictionaries.contains(own) {
                add("unknown field", .object(members.merging(["strangeField": 1]) { $1 }), isStructural: true)
            }
            add("a list", [1], isStructural: true)
            for (key, child) in members.sorted(by: { $0.key < $1.key }) {
                add("without \(key)", .object(members.filter { $0.key != key }))
                found += mutations(of: child, at: "\(path).\(key)") { changed in
                    rebuild(.object(members.merging([key: changed]) { $1 }))
                }
            }
        case .array(let items):
            add("text", "nothing like it", isStructural: true)
            add("empty", [])
            for (index, child) in items.enumerated() {
                found += mutations(of: child, at: "\(path).\(index)") { changed in
                    var items = items
                    items[index] = changed
                    return rebuild(.array(items))
                }
            }
        case .integer, .number, .string, .bool, .null:
            add("an object", ["x": 1], isStructural: true)
            add("a list", [1], isStructural: true)
            for (name, other) in [
                ("true", true), ("-1", -1), ("large", 1_000_000_000), ("half", .number(0.5)),
                ("words", "§ no such thing"), ("empty", ""),
            ] as [(String, JSONValue)] where other != value {
                add(name, other)
            }
        }
        return found
    }

    private static let python = [".build/venv-moto/bin/python", ".build/venv-sbom/bin/python", "python3"].first {
        python in
        (try? ChildProcess.run([python, "-c", "import jsonschema"])) != nil
    }

    private static let checker = """
        import json, sys, jsonschema
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for line in open(sys.argv[2]):
            print("1" if validator.is_valid(json.loads(line)) else "0")
        """

    private static func isValid(_ document: JSONValue) -> Bool {
        let parsed = ManifestReader.read(CanonicalJSON.text(document), file: "a.yaml")
        return parsed.diagnostics.isEmpty && parsed.unreadable == nil
            && DesiredState.resolve(files: [parsed]).diagnostics.isEmpty
    }

    @Test(
        "the schema refuses nothing that the validator accepts, and every unknown field and wrong type",
        .enabled(if: python != nil, "needs Python's jsonschema: 'make deps-stores' installs it"))
    func agreement() throws {
        let base = try JSONDecoder().decode(JSONValue.self, from: Data(Self.manifest.utf8))
        #expect(Self.isValid(base))
        let mutations =
            [Mutation(name: "as it is", document: base, isStructural: false)]
            + Self.mutations(of: base) { $0 }
        #expect(mutations.count > 400)
        let folder = FileManager.default.temporaryDirectory.appending(path: "schema-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let lines = mutations.map { CanonicalJSON.text($0.document) + "\n" }.joined()
        try lines.write(to: folder.appending(path: "lines"), atomically: true, encoding: .utf8)
        for kind in [nil, ManifestKind.modelDeployment] {
            let schema = folder.appending(path: "schema.json")
            try JSONSchema.document(for: kind).write(to: schema, atomically: true, encoding: .utf8)
            let answers = try ChildProcess.run([
                try #require(Self.python), "-c", Self.checker, schema.path, folder.appending(path: "lines").path,
            ]).split(separator: "\n").map { $0 == "1" }
            #expect(answers.count == mutations.count && answers.first == true)
            for (mutation, isAccepted) in zip(mutations, answers) {
                let isValid = Self.isValid(mutation.document)
                if isValid { #expect(isAccepted, "the schema refuses what is valid: \(mutation.name)") }
                if mutation.isStructural {
                    #expect(!isAccepted && !isValid, "\(mutation.name): \(isAccepted) \(isValid)")
                }
            }
        }
    }
}
