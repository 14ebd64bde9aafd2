import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

extension ConformanceCase {
    static let customTypes: [ConformanceCase] = [
        ConformanceCase("a definition creates a type, and its deletion removes the type") { trial in
            var gone: ResourceType?
            try await trial.withGadgets { gadgets in
                let made = try await trial.create(gadgets, "g", ["spec": ["size": 1, "free": ["x": 1]]])
                #expect(made.code == 201 && made.generation == 1)
                #expect(made.body.value(at: "spec", "free") == ["x": 1])
                let listed = try await trial.list(gadgets)
                #expect(Trial.values("kind", of: listed.body[field: "items"]) == ["Gadget"])
                gone = gadgets
            }
            guard let gone else { return }
            let after = try await trial.eventually(.list(gone, .init(namespace: trial.namespace))) { $0.code == 404 }
            #expect(after.code == 404 && after.text == "404 page not found\n")
        },
        ConformanceCase("the status is written only through its subresource, and the spec never through it") { trial in
            try await trial.withGadgets { gadgets in
                let made = try await trial.create(gadgets, "g", ["spec": ["size": 1], "status": ["a": 1]])
                #expect(made.body[field: "status"] == nil)
                var body = made.body
                body.set(2, at: "status", "a")
                body.set(5, at: "spec", "size")
                let status = try await trial.replace(gadgets, "g", body, subresource: "status")
                #expect(status.code == 200 && status.body.value(at: "status", "a") == 2)
                #expect(status.body.value(at: "spec", "size") == 1 && status.generation == 1)
                let stale = try await trial.replace(gadgets, "g", body, subresource: "status")
                #expect(stale.code == 409, "a status is a compare-and-swap")
                body = status.body
                body.set(9, at: "status", "a")
                body.set(7, at: "spec", "size")
                let spec = try await trial.replace(gadgets, "g", body)
                #expect(spec.body.value(at: "status", "a") == 2 && spec.body.value(at: "spec", "size") == 7)
                #expect(spec.generation == 2)
                let absent = try await trial.apply(gadgets, "none", ["status": ["a": 1]], subresource: "status")
                #expect(absent.code == 404)
            }
        },
        ConformanceCase("a generation counts changes of the spec and a deletion, and nothing else") { trial in
            try await trial.withGadgets { gadgets in
                let made = try await trial.apply(
                    gadgets, "g", ["metadata": ["finalizers": ["mlctl.dev/x"]], "spec": ["size": 1]])
                #expect(made.generation == 1)
                let labelled = try await trial.merge(gadgets, "g", ["metadata": ["labels": ["a": "b"]]])
                #expect(labelled.generation == 1)
                let status = try await trial.merge(gadgets, "g", ["status": ["a": 1]], subresource: "status")
                #expect(status.generation == 1 && status.body.value(at: "status", "a") == 1)
                let changed = try await trial.merge(gadgets, "g", ["spec": ["size": 2]])
                #expect(changed.generation == 2)
                let deleted = try await trial.delete(gadgets, "g")
                #expect(deleted.generation == 3)
                _ = try await trial.merge(gadgets, "g", ["metadata": ["finalizers": .null]])
            }
        },
        ConformanceCase("a custom object is replaced only with its version") { trial in
            try await trial.withGadgets { gadgets in
                _ = try await trial.create(gadgets, "g", ["spec": ["size": 1]])
                let blind = try await trial.replace(gadgets, "g", trial.object(gadgets, "g", ["spec": ["size": 2]]))
                #expect(blind.code == 422 && blind.causeFields == ["metadata.resourceVersion"])
                #expect(
                    blind.message
                        == "gadgets.\(gadgets.group) \"g\" is invalid: metadata.resourceVersion: Invalid value: 0: must be "
                        + "specified for an update")
            }
        },
        ConformanceCase("values that the schema excludes are invalid, with the field in a cause") { trial in
            try await trial.withGadgets { gadgets in
                let negative = try await trial.create(gadgets, "g", ["spec": ["size": -7]])
                #expect(negative.code == 422 && negative.causeFields == ["spec.size"])
                #expect(
                    negative.message
                        == "Gadget.\(gadgets.group) \"g\" is invalid: spec.size: Invalid value: -7: spec.size in body should "
                        + "be greater than or equal to 0")
                let typed = try await trial.create(gadgets, "g", ["spec": ["size": "x"]])
                #expect(typed.causes.first?[field: "reason"] == "FieldValueTypeInvalid")
                let colour = try await trial.create(gadgets, "g", ["spec": ["colour": "green"]])
                #expect(colour.causes.first?[field: "reason"] == "FieldValueNotSupported")
                #expect(colour.message?.hasSuffix("supported values: \"red\", \"blue\"") == true, "\(colour.text)")
            }
        },
        ConformanceCase("an undeclared field is dropped, but refused by apply") { trial in
            try await trial.withGadgets { gadgets in
                let made = try await trial.create(gadgets, "g", ["stray": 1, "spec": ["size": 1]])
                #expect(made.code == 201 && made.body[field: "stray"] == nil)
                let applied = try await trial.apply(gadgets, "h", ["stray": 1])
                #expect(applied.code == 500)
                #expect(
                    applied.message
                        == "failed to create typed patch object (/h; \(gadgets.apiVersion), Kind=Gadget): .stray: field not "
                        + "declared in schema")
            }
        },
        ConformanceCase("spec and status have separate owners") { trial in
            try await trial.withGadgets { gadgets in
                _ = try await trial.apply(gadgets, "g", ["spec": ["size": 1]])
                let conditions: JSONValue = [
                    ["type": "Ready", "status": "True"], ["type": "Stalled", "status": "False"],
                ]
                let applied = try await trial.apply(
                    gadgets, "g", ["status": ["conditions": conditions]], subresource: "status")
                #expect(applied.code == 200, "\(applied.text)")
                let entries = applied.metadata[field: "managedFields"]
                #expect(Trial.values("subresource", of: entries) == ["status"])
                #expect((entries?.items ?? []).count == 2)
                let fewer = try await trial.apply(
                    gadgets, "g", ["status": ["conditions": [["type": "Ready", "status": "False"]]]],
                    subresource: "status")
                #expect(fewer.body.value(at: "status", "conditions") == [["type": "Ready", "status": "False"]])
                #expect(fewer.body.value(at: "spec", "size") == 1)
            }
        },
        ConformanceCase("an open map is owned field by field, a list in it as a whole") { trial in
            try await trial.withGadgets { gadgets in
                let made = try await trial.apply(gadgets, "g", ["spec": ["m": ["a": 1, "b": 2], "l": [1, 2]]])
                #expect(
                    made.owners["mlctl/Apply"] == [
                        "f:spec": [
                            "f:l": .object([:]),
                            "f:m": [".": .object([:]), "f:a": .object([:]), "f:b": .object([:])],
                        ]
                    ])
                let other = try await trial.merge(gadgets, "g", ["spec": ["m": ["c": 3]]])
                #expect(other.code == 200)
                let fewer = try await trial.apply(gadgets, "g", ["spec": ["m": ["a": 1]]])
                #expect(fewer.body[field: "spec"] == ["m": ["a": 1, "c": 3]])
                let none = try await trial.apply(gadgets, "g")
                #expect(none.code == 200)
                let listed = try await trial.apply(gadgets, "h", ["spec": ["m": ["x": ["y": 1]]]])
                #expect(listed.code == 201)
                let hollow = try await trial.apply(gadgets, "h")
                #expect(hollow.body[field: "spec"] == nil && hollow.owners.isEmpty)
            }
        },
        ConformanceCase("a map that a manager applied is removed with what others wrote into it") { trial in
            try await trial.withGadgets { gadgets in
                _ = try await trial.apply(gadgets, "g", ["spec": ["size": 1, "m": ["a": 1]]])
                _ = try await trial.merge(gadgets, "g", ["spec": ["m": ["b": 2]]])
                let applied = try await trial.apply(gadgets, "g", ["spec": ["size": 1]])
                #expect(applied.body[field: "spec"] == ["size": 1])
            }
        },
    ]
}
