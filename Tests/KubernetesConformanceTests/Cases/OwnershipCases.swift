import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

extension ConformanceCase {
    private static func deployment(_ containers: JSONValue, replicas: JSONValue? = 1) -> JSONValue {
        var fields: JSONValue = [
            "spec": [
                "selector": ["matchLabels": ["app": "d"]],
                "template": ["metadata": ["labels": ["app": "d"]], "spec": ["containers": containers]],
            ]
        ]
        fields.set(replicas, at: "spec", "replicas")
        return fields
    }

    static let ownership: [ConformanceCase] = [
        ConformanceCase("apply creates a missing object, and owns the fields in its body") { trial in
            let applied = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]])
            #expect(applied.code == 201)
            #expect(applied.owners == ["mlctl/Apply": ["f:data": ["f:k": .object([:])]]])
            let again = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]])
            #expect(again.code == 200 && again.version == applied.version)
        },
        ConformanceCase("apply without a field manager is invalid") { trial in
            let answer = try await trial.apply(.configMaps, "a", by: "")
            #expect(answer.code == 422 && answer.causes.first?[field: "field"] == "fieldManager")
        },
        ConformanceCase("apply of a field that another manager owns is a conflict that names both") { trial in
            _ = try await trial.create(.configMaps, "a", ["data": ["k": "1", "l": "1"]])
            let refused = try await trial.apply(.configMaps, "a", ["data": ["k": "2", "m": "2"]])
            #expect(refused.code == 409 && refused.reason == "Conflict")
            #expect(
                refused.message == "Apply failed with 1 conflict: conflict with \"creator\" using v1: .data.k")
            #expect(
                refused.causes == [
                    [
                        "reason": "FieldManagerConflict", "message": "conflict with \"creator\" using v1",
                        "field": ".data.k",
                    ]
                ])
            let found = try await trial.get(.configMaps, "a")
            #expect(found.body.value(at: "data", "k") == "1")
        },
        ConformanceCase("two conflicts with one manager are listed") { trial in
            _ = try await trial.create(.configMaps, "a", ["data": ["k": "1", "l": "1"]])
            let refused = try await trial.apply(.configMaps, "a", ["data": ["k": "2", "l": "2"]])
            #expect(
                refused.message
                    == "Apply failed with 2 conflicts: conflicts with \"creator\" using v1:\n- .data.k\n- .data.l")
            #expect(refused.causeFields == [".data.k", ".data.l"])
        },
        ConformanceCase("equal values are owned by both managers, without a conflict") { trial in
            _ = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]], by: "one")
            let both = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]], by: "two")
            #expect(both.code == 200)
            #expect(Set(both.owners.keys) == ["one/Apply", "two/Apply"])
            // The field stays as long as one of them wants it.
            let one = try await trial.apply(.configMaps, "a", .object([:]), by: "one")
            #expect(one.body.value(at: "data", "k") == "1" && Set(one.owners.keys) == ["two/Apply"])
            let none = try await trial.apply(.configMaps, "a", .object([:]), by: "two")
            #expect(none.body[field: "data"] == nil && none.owners.isEmpty)
        },
        ConformanceCase("force takes the field over, and its former owner loses it") { trial in
            _ = try await trial.create(.configMaps, "a", ["data": ["k": "1"]])
            let forced = try await trial.apply(.configMaps, "a", ["data": ["k": "2"]], force: true)
            #expect(forced.code == 200 && forced.body.value(at: "data", "k") == "2")
            #expect(forced.owners["mlctl/Apply"] == ["f:data": ["f:k": .object([:])]])
            #expect(forced.owners["creator/Update"] == ["f:data": .object([:])])
        },
        ConformanceCase("fields that a manager no longer applies are removed, fields of others are not") { trial in
            _ = try await trial.apply(
                .configMaps, "a", ["metadata": ["labels": ["x": "1", "y": "1"]], "data": ["k": "1", "l": "1"]])
            _ = try await trial.merge(.configMaps, "a", ["metadata": ["labels": ["z": "1"]], "data": ["m": "1"]])
            let applied = try await trial.apply(
                .configMaps, "a", ["metadata": ["labels": ["x": "1"]], "data": ["l": "1"]])
            #expect(applied.body[field: "data"] == ["l": "1", "m": "1"])
            #expect(applied.metadata[field: "labels"] == ["x": "1", "z": "1"])
        },
        ConformanceCase("an edit of an applied field is a conflict, and is reverted by force") { trial in
            _ = try await trial.apply(.deployments, "d", deployment([["name": "c", "image": "i:1"]]))
            let edited = try await trial.merge(.deployments, "d", ["spec": ["replicas": 5]])
            #expect(edited.code == 200)
            let refused = try await trial.apply(.deployments, "d", deployment([["name": "c", "image": "i:1"]]))
            #expect(
                refused.message
                    == "Apply failed with 1 conflict: conflict with \"merger\" using apps/v1: .spec.replicas")
            let forced = try await trial.apply(
                .deployments, "d", deployment([["name": "c", "image": "i:1"]]), force: true)
            #expect(forced.body.value(at: "spec", "replicas") == 1)
        },
        ConformanceCase("containers are identified by name, their ports by number, their variables by name") { trial in
            let first: JSONValue = [
                "name": "c", "image": "i:1", "ports": [["containerPort": 80]],
                "env": [["name": "A", "value": "1"], ["name": "B", "value": "1"]], "args": ["x", "y"],
            ]
            let made = try await trial.apply(.deployments, "d", deployment([first]))
            let owned = made.owners["mlctl/Apply"]?.value(
                at: "f:spec", "f:template", "f:spec", "f:containers", "k:{\"name\":\"c\"}")
            #expect(
                owned?.value(at: "f:ports", "k:{\"containerPort\":80,\"protocol\":\"TCP\"}")
                    == [".": .object([:]), "f:containerPort": .object([:])])
            #expect(owned?.value(at: "f:args") == .object([:]))
            let second: JSONValue = ["name": "side", "image": "j:1"]
            _ = try await trial.apply(.deployments, "d", deployment([second]), by: "injector")
            let third: JSONValue = ["name": "c", "image": "i:2", "env": [["name": "B", "value": "1"]]]
            let applied = try await trial.apply(.deployments, "d", deployment([third]))
            #expect(applied.code == 200, "\(applied.text)")
            let containers = applied.body.value(at: "spec", "template", "spec", "containers")?.items ?? []
            #expect(Set(Trial.values("name", of: .array(containers))) == ["c", "side"])
            let container = containers.first { $0[field: "name"] == "c" }
            #expect(container?[field: "env"] == [["name": "B", "value": "1"]])
            #expect(container?[field: "ports"] == nil && container?[field: "args"] == nil)
        },
        ConformanceCase("a container that is no longer applied is removed, with what others wrote into it") { trial in
            _ = try await trial.apply(
                .deployments, "d", deployment([["name": "c", "image": "i:1"], ["name": "e", "image": "i:1"]]))
            _ = try await trial.merge(
                .deployments, "d",
                [
                    "spec": [
                        "template": [
                            "spec": [
                                "containers": [
                                    ["name": "c", "image": "i:1"],
                                    ["name": "e", "image": "i:1", "env": [["name": "A", "value": "1"]]],
                                ]
                            ]
                        ]
                    ]
                ])
            let applied = try await trial.apply(.deployments, "d", deployment([["name": "c", "image": "i:1"]]))
            let names = (applied.body.value(at: "spec", "template", "spec", "containers")?.items ?? [])
                .compactMap { $0[field: "name"]?.text }
            #expect(names == ["c"])
        },
        ConformanceCase("a service's ports are identified by port and protocol, its selector is one value") { trial in
            let made = try await trial.apply(
                .services, "s", ["spec": ["selector": ["a": "1"], "ports": [["port": 80, "targetPort": 8080]]]])
            #expect(made.code == 201)
            #expect(
                made.owners["mlctl/Apply"] == [
                    "f:spec": [
                        "f:selector": .object([:]),
                        "f:ports": [
                            "k:{\"port\":80,\"protocol\":\"TCP\"}": [
                                ".": .object([:]), "f:port": .object([:]), "f:targetPort": .object([:]),
                            ]
                        ],
                    ]
                ])
            let address = made.body.value(at: "spec", "clusterIP")
            #expect(address?.text != nil)
            let changed = try await trial.apply(
                .services, "s", ["spec": ["selector": ["b": "1"], "ports": [["port": 81]]]])
            #expect(changed.body.value(at: "spec", "selector") == ["b": "1"])
            #expect(Trial.values("port", of: changed.body.value(at: "spec", "ports")) == [81])
            #expect(changed.body.value(at: "spec", "clusterIP") == address)
        },
        ConformanceCase("apply with a version is a compare-and-swap too") { trial in
            let made = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]])
            _ = try await trial.merge(.configMaps, "a", ["data": ["l": "1"]])
            let stale = try await trial.apply(
                .configMaps, "a", ["metadata": ["resourceVersion": .string(made.version)], "data": ["k": "2"]])
            #expect(stale.code == 409 && stale.message?.contains("the object has been modified") == true)
        },
        ConformanceCase("a manager that scales by the subresource owns the replicas, and nothing else") { trial in
            _ = try await trial.apply(.deployments, "d", deployment([["name": "c", "image": "i:1"]], replicas: 3))
            let scaled = try await trial.merge(.deployments, "d", ["spec": ["replicas": 5]], subresource: "scale")
            #expect(scaled.code == 200 && scaled.body.value(at: "spec", "replicas") == 5)
            let found = try await trial.get(.deployments, "d")
            #expect(found.body.value(at: "spec", "replicas") == 5)
            #expect(found.owners["merger/Update"] == ["f:spec": ["f:replicas": .object([:])]])
            #expect(found.owners["mlctl/Apply"]?.value(at: "f:spec", "f:replicas") == nil)
        },
        ConformanceCase("a number with another owner stays when it is no longer applied") { trial in
            let container: JSONValue = ["name": "c", "image": "i:1"]
            _ = try await trial.apply(.deployments, "d", deployment([container], replicas: 3))
            let held = try await trial.apply(.deployments, "d", ["spec": ["replicas": 3]], by: "holder")
            #expect(held.code == 200, "\(held.text)")
            let given = try await trial.apply(.deployments, "d", deployment([container], replicas: nil))
            #expect(given.body.value(at: "spec", "replicas") == 3)
            #expect(given.owners["mlctl/Apply"]?.value(at: "f:spec", "f:replicas") == nil)
            _ = try await trial.merge(.deployments, "d", ["spec": ["replicas": 7]], subresource: "scale")
            let scaled = try await trial.get(.deployments, "d")
            #expect(scaled.owners["holder/Apply"] == nil)
        },
        ConformanceCase("a replace without somebody's added field removes it, and nobody owns it then") { trial in
            _ = try await trial.apply(.deployments, "d", deployment([["name": "c", "image": "i:1"]], replicas: 1))
            let added = try await trial.merge(.deployments, "d", ["spec": ["paused": true]])
            #expect(added.owners["merger/Update"]?.value(at: "f:spec", "f:paused") != nil)
            // The cluster's own controllers write the status in between.
            let replaced = try await trial.replacing(.deployments, "d") { $0.set(nil, at: "spec", "paused") }
            #expect(replaced.code == 200 && replaced.body.value(at: "spec", "paused") == nil)
            #expect(replaced.owners["merger/Update"] == nil && replaced.owners["replacer/Update"] == nil)
        },
        ConformanceCase("a default that replaces a field that is no longer applied has no owner") { trial in
            _ = try await trial.apply(.deployments, "d", deployment([["name": "c", "image": "i:1"]], replicas: 3))
            let applied = try await trial.apply(
                .deployments, "d", deployment([["name": "c", "image": "i:1"]], replicas: nil))
            #expect(applied.body.value(at: "spec", "replicas") == 1)
            #expect(applied.owners["mlctl/Apply"]?.value(at: "f:spec", "f:replicas") == nil)
        },
    ]
}
