import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

extension ConformanceCase {
    static let writing: [ConformanceCase] = [
        ConformanceCase("a created object has a uid, a version, and no generation if its type counts none") {
            trial in
            let made = try await trial.create(.configMaps, "a", ["data": ["k": "v"]])
            #expect(made.code == 201)
            #expect(made.body[field: "kind"] == "ConfigMap" && made.body[field: "apiVersion"] == "v1")
            #expect(!made.uid.isEmpty && !made.version.isEmpty && made.generation == nil)
            #expect(made.metadata[field: "namespace"]?.text == trial.namespace)
            #expect(made.metadata[field: "creationTimestamp"]?.text != nil)
            let found = try await trial.get(.configMaps, "a")
            #expect(found.code == 200 && found.body == made.body)
        },
        ConformanceCase("an existing object is not created again") { trial in
            _ = try await trial.create(.configMaps, "a")
            let again = try await trial.create(.configMaps, "a")
            #expect(again.code == 409 && again.reason == "AlreadyExists")
            #expect(again.message == "configmaps \"a\" already exists")
        },
        ConformanceCase("a missing object is not found, and the answer names its type") { trial in
            let map = try await trial.get(.configMaps, "none")
            #expect(map.code == 404 && map.reason == "NotFound" && map.message == "configmaps \"none\" not found")
            let deployment = try await trial.get(.deployments, "none")
            #expect(deployment.message == "deployments.apps \"none\" not found")
            #expect(deployment.body.value(at: "details", "group") == "apps")
        },
        ConformanceCase("an undefined type is not found, with another message") { trial in
            let stranger = ResourceType(group: "nobody.example.com", version: "v1", kind: "Ghost", plural: "ghosts")
            let group = try await trial.list(stranger)
            #expect(group.code == 404 && group.text == "404 page not found\n")
            let plural = try await trial.list(ResourceType(group: "apps", kind: "Ghost", plural: "ghosts"))
            #expect(plural.code == 404)
            #expect(plural.message == "the server could not find the requested resource")
        },
        ConformanceCase("a replace with an old version is refused, one with the newest or with none is not") { trial in
            let made = try await trial.create(.configMaps, "a", ["data": ["k": "1"]])
            var body = made.body
            body.set("2", at: "data", "k")
            let second = try await trial.replace(.configMaps, "a", body)
            #expect(second.code == 200 && second.version != made.version)
            let stale = try await trial.replace(.configMaps, "a", body)
            #expect(stale.code == 409 && stale.reason == "Conflict")
            #expect(
                stale.message
                    == "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply "
                    + "your changes to the latest version and try again")
            let blind = try await trial.replace(
                .configMaps, "a", trial.object(.configMaps, "a", ["data": ["k": "3"]]))
            #expect(blind.code == 200 && blind.body.value(at: "data", "k") == "3")
        },
        ConformanceCase("a write that changes nothing does not change the version") { trial in
            let made = try await trial.create(.configMaps, "a", ["data": ["k": "1"]])
            let replaced = try await trial.replace(.configMaps, "a", made.body)
            #expect(replaced.code == 200 && replaced.version == made.version)
            let merged = try await trial.merge(.configMaps, "a", ["data": ["k": "1"]])
            #expect(merged.code == 200 && merged.version == made.version)
        },
        ConformanceCase("a merge patch changes the fields that it names, and removes those that are null") { trial in
            _ = try await trial.create(.configMaps, "a", ["data": ["k": "1", "l": "2"]])
            let merged = try await trial.merge(.configMaps, "a", ["data": ["k": .null, "m": "3"]])
            #expect(merged.code == 200 && merged.body[field: "data"] == ["l": "2", "m": "3"])
            let absent = try await trial.merge(.configMaps, "none", ["data": ["k": "1"]])
            #expect(absent.code == 404)
            let stale = try await trial.merge(.configMaps, "a", ["metadata": ["resourceVersion": "1"]])
            #expect(stale.code == 409)
        },
        ConformanceCase("a name in the body must be the name in the path") { trial in
            _ = try await trial.create(.configMaps, "a")
            let other = try await trial.replace(.configMaps, "a", trial.object(.configMaps, "b", .object([:])))
            #expect(other.code == 400)
            #expect(other.message == "the name of the object (b) does not match the name on the URL (a)")
        },
        ConformanceCase("wrong names are invalid, with the field in a cause") { trial in
            let upper = try await trial.create(.configMaps, "Upper_Case")
            #expect(upper.code == 422 && upper.reason == "Invalid")
            #expect(upper.causeFields == ["metadata.name"])
            #expect(upper.causes.first?[field: "reason"] == "FieldValueInvalid")
            #expect(
                upper.message?.hasPrefix("ConfigMap \"Upper_Case\" is invalid: metadata.name: Invalid value") == true)
            let label = try await trial.create(.configMaps, "a", ["metadata": ["labels": ["x": "not so"]]])
            #expect(label.code == 422 && label.causeFields == ["metadata.labels"])
        },
        ConformanceCase("a config map can hold a mebibyte") { trial in
            let large: JSONValue = ["data": ["k": .string(String(repeating: "x", count: 1_100_000))]]
            let made = try await trial.create(.configMaps, "a", large)
            #expect(made.code == 422)
            #expect(
                made.message == "ConfigMap \"a\" is invalid: []: Too long: may not be more than 1048576 bytes")
        },
        ConformanceCase("in a missing namespace nothing can be created") { trial in
            let body = trial.object(.configMaps, "a", .object([:])).data
            let made = try await trial.send(
                .create(.configMaps, namespace: "no-such-namespace", body: body, fieldManager: "m"))
            #expect(made.code == 404 && made.message == "namespaces \"no-such-namespace\" not found")
            let applied = try await trial.send(
                .apply(
                    .configMaps, NamespacedName(namespace: "no-such-namespace", name: "a"), body: body,
                    fieldManager: "m",
                    force: true))
            #expect(applied.code == 404)
        },
        ConformanceCase("a Lease is swapped by its version, never blindly") { trial in
            let made = try await trial.create(
                .leases, "l", ["spec": ["holderIdentity": "a", "leaseDurationSeconds": 15]])
            #expect(made.code == 201)
            var body = made.body
            body.set("b", at: "spec", "holderIdentity")
            let first = try await trial.replace(.leases, "l", body)
            body.set("c", at: "spec", "holderIdentity")
            let second = try await trial.replace(.leases, "l", body)
            #expect(first.code == 200 && second.code == 409)
            body.set(nil, at: "metadata", "resourceVersion")
            let blind = try await trial.replace(.leases, "l", body)
            #expect(blind.code == 422)
            #expect(blind.causes.first?[field: "field"] == "metadata.resourceVersion")
            let found = try await trial.get(.leases, "l")
            #expect(found.body.value(at: "spec", "holderIdentity") == "b")
        },
        ConformanceCase("a dry run returns the result, and changes nothing") { trial in
            let made = try await trial.apply(.configMaps, "a", ["data": ["k": "1"]])
            let dry = try await trial.apply(.configMaps, "a", ["data": ["k": "2"]], isDryRun: true)
            #expect(dry.code == 200 && dry.body.value(at: "data", "k") == "2")
            let found = try await trial.get(.configMaps, "a")
            #expect(found.version == made.version && found.body.value(at: "data", "k") == "1")
            let absent = try await trial.apply(.configMaps, "b", isDryRun: true)
            #expect(absent.code == 201)
            let after = try await trial.get(.configMaps, "b")
            #expect(after.code == 404)
        },
    ]
}
