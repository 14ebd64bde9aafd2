import Foundation
import JSON
import Testing

@testable import ModelManifests

@Suite struct CustomResourceDefinitionTests {
    private static let definition = CustomResourceDefinition.modelDeployment

    private func value(_ value: JSONValue, at path: [String]) -> JSONValue? {
        path.reduce(value) { value, key in
            switch value as JSONValue? {
            case .object(let members)?: members[key] ?? .null
            case .array(let items)?: Int(key).map { items[$0] } ?? .null
            default: .null
            }
        }
    }

    private var schema: JSONValue {
        value(Self.definition, at: ["spec", "versions", "0", "schema", "openAPIV3Schema"]) ?? .null
    }

    private func spec(_ path: String...) -> JSONValue? {
        value(schema, at: ["properties", "spec"] + path.flatMap { ["properties", $0] })
    }

    @Test func `its name, group and version are those of the manifests`() {
        #expect(CustomResourceDefinition.name == "modeldeployments.mlctl.dev")
        #expect(value(Self.definition, at: ["spec", "group"]) == "mlctl.dev")
        #expect(value(Self.definition, at: ["spec", "versions", "0", "name"]) == "v1alpha1")
        #expect(value(Self.definition, at: ["spec", "names", "shortNames"]) == ["md", "mdep"])
        #expect(value(Self.definition, at: ["spec", "versions", "0", "subresources", "status"]) == [:])
    }

    /// The API server's rules for a structural schema, checked at every path.
    @Test func `its schema is structural everywhere`() {
        var placesCount = 0
        func check(_ schema: JSONValue, _ path: String) {
            guard case .object(let members) = schema else { return }
            placesCount += 1
            let isOpen = members["x-kubernetes-preserve-unknown-fields"] == true
            let isIntOrString = members["x-kubernetes-int-or-string"] == true
            if case .string? = members["type"] {} else { #expect(isOpen || isIntOrString, "\(path) has no type") }
            for keyword in ["$ref", "$defs", "const", "examples", "prefixItems", "definitions"] {
                #expect(members[keyword] == nil, "\(path) has \(keyword)")
            }
            for junctor in ["allOf", "anyOf", "oneOf", "not"] { checkJunctor(members[junctor], path) }
            #expect(members["properties"] == nil || members["additionalProperties"] == nil, "\(path)")
            if case .object(let properties)? = members["properties"] {
                for (name, property) in properties { check(property, "\(path).\(name)") }
            }
            if let items = members["items"] { check(items, "\(path)[]") }
            if let values = members["additionalProperties"] { check(values, "\(path).*") }
        }
        func checkJunctor(_ value: JSONValue?, _ path: String) {
            switch value {
            case .array(let schemas)?: for schema in schemas { checkJunctor(schema, path) }
            case .object(let members)?:
                for (keyword, inner) in members where keyword != "required" {
                    #expect(["allOf", "anyOf", "oneOf", "not"].contains(keyword), "\(path): \(keyword) in a junctor")
                    checkJunctor(inner, path)
                }
            default: break
            }
        }
        check(schema, "")
        #expect(placesCount > 300)
    }

    @Test func `fields keep their bounds, descriptions and types`() {
        #expect(value(spec("replicas") ?? .null, at: ["x-kubernetes-int-or-string"]) == true)
        #expect(value(spec("runtime", "terminationGracePeriodSeconds") ?? .null, at: ["minimum"]) == 0)
        #expect(value(spec("model", "version") ?? .null, at: ["x-kubernetes-int-or-string"]) == true)
        #expect(value(spec("target", "router") ?? .null, at: ["enum"]) == ["proxy", "gatewayAPI", "replicaRatio"])
        #expect(value(spec("target", "router") ?? .null, at: ["type"]) == "string")
        let rate = spec("rollout", "falseRollbackRate") ?? .null
        #expect(value(rate, at: ["minimum"]) == 0)
        #expect(value(rate, at: ["exclusiveMinimum"]) == true)
        let approval = value(spec("rollout", "steps") ?? .null, at: ["items", "properties", "approval"]) ?? .null
        #expect(value(approval, at: ["type"]) == "object")
        #expect(value(approval, at: ["nullable"]) == true)
    }

    @Test func `only raw objects are open`() {
        var open: [String] = []
        func look(_ schema: JSONValue, _ path: String) {
            guard case .object(let members) = schema else { return }
            if members["x-kubernetes-preserve-unknown-fields"] == true { open.append(path) }
            if case .object(let properties)? = members["properties"] {
                for (name, property) in properties { look(property, "\(path).\(name)") }
            }
            if let items = members["items"] { look(items, "\(path)[]") }
            if let values = members["additionalProperties"] { look(values, "\(path).*") }
        }
        look(schema, "")
        #expect(
            open.sorted() == [
                ".spec.runtime.imagePullSecrets[]", ".spec.runtime.podTemplate", ".spec.target.drift",
                ".spec.traffic.observe",
            ])
    }

    /// Every field of a schema by its path, without `x-kubernetes-…`.
    private func fields(_ schema: JSONValue, _ path: String) -> [(path: String, schema: [String: JSONValue])] {
        guard case .object(let members) = schema else { return [] }
        var found: [(String, [String: JSONValue])] = []
        if case .object(let properties)? = members["properties"] {
            for (name, property) in properties {
                guard case .object(let own) = property else { continue }
                found.append(("\(path).\(name)", own))
                found += fields(property, "\(path).\(name)")
            }
        }
        for inner in ["items", "additionalProperties"] {
            if let value = members[inner] { found += fields(value, "\(path)[]") }
        }
        for junctor in ["oneOf", "anyOf"] {
            guard case .array(let schemas)? = members[junctor] else { continue }
            for value in schemas { found += fields(value, path) }
        }
        return found
    }

    @Test func `every field has a description`() throws {
        let definition = fields(schema, "")
        #expect(definition.count > 250)
        for field in definition where ![".apiVersion", ".kind", ".metadata"].contains(field.path) {
            #expect(field.schema["description"] != nil, "\(field.path)")
        }
        for kind in ManifestKind.allCases {
            let text = JSONSchema.document(for: kind)
            let all = fields(try JSONValue(parsing: Data(text.utf8)), "")
            #expect(all.count > 10)
            for field in all { #expect(field.schema["description"] != nil, "\(kind): \(field.path)") }
        }
    }

    @Test func `values that API server rules iterate over are bounded, and the schema for editors has no such rules`() {
        func walk(_ schema: JSONValue, _ path: String) {
            guard case .object(let members) = schema else { return }
            switch members["type"] {
            case "array": #expect(members["maxItems"] != nil, "\(path)")
            case "string": #expect(members["maxLength"] != nil || members["enum"] != nil, "\(path)")
            default: break
            }
            if let values = members["additionalProperties"] {
                #expect(members["maxProperties"] != nil, "\(path)")
                walk(values, path + ".*")
            }
            if case .object(let properties)? = members["properties"] {
                for (name, property) in properties { walk(property, "\(path).\(name)") }
            }
            if let items = members["items"] { walk(items, path + "[]") }
        }
        walk(spec() ?? .null, "spec")
        for keyword in ["x-kubernetes", "x-mlctl"] { #expect(!JSONSchema.document().contains(keyword)) }
    }

    @Test func `its printed columns summarize the status`() {
        guard
            case .array(let columns)? = value(
                Self.definition, at: ["spec", "versions", "0", "additionalPrinterColumns"])
        else {
            Issue.record("no columns")
            return
        }
        let shown = columns.filter { value($0, at: ["priority"]) == .null }.compactMap { value($0, at: ["name"]) }
        #expect(shown == ["Phase", "Version", "Candidate", "Weight", "Ready", "Age"])
    }

    @Test func `status has fields for the record and the events`() {
        let record = value(schema, at: ["properties", "status", "properties", "record", "properties"])
        #expect(value(record ?? .null, at: ["version", "type"]) == "integer")
        #expect(value(record ?? .null, at: ["state", "type"]) == "string")
        let events =
            value(schema, at: ["properties", "status", "properties", "events", "items", "properties"]) ?? .null
        for name in ["id", "kind", "message", "at"] { #expect(value(events, at: [name]) != .null) }
    }
}
