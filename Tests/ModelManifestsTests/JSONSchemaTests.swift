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

    @Test func `one schema covers all kinds, each by its name`() throws {
        guard case .array(let choices)? = value(try schema(nil), at: "allOf") else {
            Issue.record("no allOf")
            return
        }
        #expect(
            choices.map { value($0, at: "if", "properties", "kind", "const") }
                == ManifestKind.allCases.map { .string($0.rawValue) })
        #expect(choices.allSatisfy { value($0, at: "then", "additionalProperties") == false })
    }

    /// Every field of every object, with its schema, by path.
    private func fields(of schema: JSONValue, at path: String = "") -> [(path: String, schema: [String: JSONValue])] {
        guard case .object(let members) = schema else { return [] }
        var found: [(path: String, schema: [String: JSONValue])] = []
        if case .object(let properties)? = members["properties"] {
            for (name, own) in properties {
                guard case .object(let keywords) = own else { continue }
                found.append((path + "." + name, keywords))
            }
        }
        for (key, child) in members {
            switch (key, child) {
            case ("properties", .object(let properties)):
                for (name, own) in properties { found += fields(of: own, at: path + "." + name) }
            case ("items", _), ("additionalProperties", _): found += fields(of: child, at: path)
            case ("anyOf", .array(let all)), ("oneOf", .array(let all)):
                for own in all { found += fields(of: own, at: path) }
            default: break
            }
        }
        return found
    }

    @Test(arguments: ManifestKind.allCases)
    func `every field has a description`(_ kind: ManifestKind) throws {
        for field in fields(of: try schema(kind)) {
            guard case .string(let text)? = field.schema["description"] else {
                Issue.record("\(field.path) has no description")
                continue
            }
            #expect(text.count > 5, "\(field.path)")
        }
    }

    @Test func `defaults are values that the validator accepts, and the API server gets none`() throws {
        let all = fields(of: try schema(.modelDeployment))
        let defaults = Dictionary(all.compactMap { field in field.schema["default"].map { (field.path, $0) } }) {
            first, _ in first
        }
        let expected: [String: JSONValue] = [
            ".metadata.namespace": "default", ".spec.replicas": 1, ".spec.suspend": false,
            ".spec.rollout.falseRollbackRate": .number(0.01), ".spec.rollout.progressDeadline": "30m",
            ".spec.rollout.onFailure": "rollback", ".spec.endpoint.requestTimeout": "60s",
        ]
        for (path, value) in expected { #expect(defaults[path] == value, "\(path)") }
        #expect(defaults.count > 30, "\(defaults.count)")
        // Where the description says it in words, there is none.
        #expect(defaults[".spec.model.version"] == nil && defaults[".spec.endpoint.port"] == nil)
        #expect(!CanonicalJSON.text(CustomResourceDefinition.modelDeployment).contains("\"default\":"))
    }

    @Test func `the schema's text is deterministic`() {
        #expect(JSONSchema.document(for: nil) == JSONSchema.document(for: nil))
    }
}
