import Foundation
import JSON
import Testing

@testable import ModelManifests

@Suite struct JSONSchemaTests {
    private func schema(_ kind: ManifestKind?) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(JSONSchema.document(for: kind).utf8))
    }

    private func value(_ value: JSONValue, at path: String...) -> JSONValue? {
        path.reduce(value) { value, key in
            guard case .object(let members)? = value as JSONValue? else { return .null }
            return members[key] ?? .null
        }
    }

    @Test(arguments: ManifestKind.allCases)
    func `every kind has a schema with its name`(_ kind: ManifestKind) throws {
        let schema = try schema(kind)
        #expect(value(schema, at: "$schema") == "https://json-schema.org/draft/2020-12/schema")
        #expect(value(schema, at: "properties", "kind", "enum") == [.string(kind.rawValue)])
        #expect(value(schema, at: "additionalProperties") == false)
    }

    @Test func `fields have types, bounds, allowed values and descriptions`() throws {
        let properties = try #require(value(try schema(.modelDeployment), at: "properties", "spec", "properties"))
        #expect(
            value(properties, at: "replicas", "oneOf")
                == [["type": "integer", "minimum": 1, "maximum": 1000], ["enum": ["external"]]])
        #expect(value(properties, at: "suspend", "type") == "boolean")
        #expect(
            value(properties, at: "suspend", "description")
                == "Keeps everything as it is, whatever git says. Default: false.")
        #expect(
            value(properties, at: "rollout", "properties", "strategy", "enum")
                == ["canary", "blueGreen", "ab", "shadow", "recreate"])
        #expect(value(properties, at: "rollout", "properties", "falseRollbackRate", "exclusiveMinimum") == 0)
        #expect(value(properties, at: "observe") == .null)
        #expect(
            value(properties, at: "rollout", "properties", "steps", "items", "allOf")
                == [
                    [
                        "oneOf": [
                            ["required": ["setWeight"]], ["required": ["mirror"]], ["required": ["pause"]],
                            ["required": ["gate"]],
                            ["required": ["approval"]],
                        ]
                    ]
                ])
    }

    @Test func `one schema covers all kinds`() throws {
        guard case .array(let kinds)? = value(try schema(nil), at: "oneOf") else {
            Issue.record("no oneOf")
            return
        }
        #expect(kinds.count == ManifestKind.allCases.count)
    }

    @Test func `the schema's text is deterministic`() {
        #expect(JSONSchema.document(for: nil) == JSONSchema.document(for: nil))
    }
}
