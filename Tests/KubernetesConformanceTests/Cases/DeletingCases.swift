import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

extension ConformanceCase {
    private static func owned(by owner: Trial.Answer, blocks: Bool = true) -> JSONValue {
        [
            "metadata": [
                "ownerReferences": [
                    [
                        "apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata[field: "name"] ?? "",
                        "uid": .string(owner.uid), "controller": true, "blockOwnerDeletion": .bool(blocks),
                    ]
                ]
            ]
        ]
    }

    static let deleting: [ConformanceCase] = [
        ConformanceCase("an object that nothing holds is gone at once, and the answer says so") { trial in
            let made = try await trial.create(.configMaps, "a")
            let deleted = try await trial.delete(.configMaps, "a")
            #expect(deleted.code == 200 && deleted.body[field: "status"] == "Success")
            #expect(deleted.body.value(at: "details", "uid")?.text == made.uid)
            let again = try await trial.delete(.configMaps, "a")
            #expect(again.code == 404)
        },
        ConformanceCase("another object with the same name is not deleted") { trial in
            let made = try await trial.create(.configMaps, "a")
            let refused = try await trial.delete(.configMaps, "a", uid: "00000000-0000-0000-0000-000000000000")
            #expect(refused.code == 409)
            #expect(
                refused.message
                    == "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition "
                    + "(00000000-0000-0000-0000-000000000000) does not match the UID in record (\(made.uid)). The object "
                    + "might have been deleted and then recreated")
            let deleted = try await trial.delete(.configMaps, "a", uid: made.uid)
            #expect(deleted.code == 200)
            let next = try await trial.create(.configMaps, "a")
            #expect(next.code == 201 && next.uid != made.uid)
        },
        ConformanceCase("finalizers hold an object until the last one is removed") { trial in
            let made = try await trial.create(
                .configMaps, "a", ["metadata": ["finalizers": ["mlctl.dev/x", "mlctl.dev/y"]]])
            let deleted = try await trial.delete(.configMaps, "a")
            #expect(deleted.code == 200 && deleted.metadata[field: "deletionTimestamp"]?.text != nil)
            #expect(deleted.version != made.version)
            let again = try await trial.delete(.configMaps, "a")
            #expect(again.code == 200 && again.version == deleted.version)
            let more = try await trial.merge(
                .configMaps, "a", ["metadata": ["finalizers": ["mlctl.dev/x", "mlctl.dev/y", "mlctl.dev/z"]]])
            #expect(more.code == 422 && more.causeFields.first == "metadata.finalizers")
            let less = try await trial.merge(.configMaps, "a", ["metadata": ["finalizers": ["mlctl.dev/y"]]])
            #expect(less.code == 200)
            let last = try await trial.merge(.configMaps, "a", ["metadata": ["finalizers": .null]])
            #expect(last.code == 200 && last.metadata[field: "finalizers"] == nil)
            let gone = try await trial.get(.configMaps, "a")
            #expect(gone.code == 404)
            let events = try await trial.events(3, of: trial.watch(.configMaps, after: made.version))
            #expect(events.map(\.summary) == ["MODIFIED a", "MODIFIED a", "DELETED a"])
        },
        ConformanceCase("an applied finalizer is removed by applying without it") { trial in
            _ = try await trial.apply(.configMaps, "a", ["metadata": ["finalizers": ["mlctl.dev/serving"]]])
            _ = try await trial.merge(.configMaps, "a", ["metadata": ["finalizers": ["mlctl.dev/serving", "o.dev/x"]]])
            let applied = try await trial.apply(.configMaps, "a")
            #expect(applied.metadata[field: "finalizers"] == ["o.dev/x"])
            _ = try await trial.merge(.configMaps, "a", ["metadata": ["finalizers": .null]])
        },
        ConformanceCase("owned objects are deleted after their owner") { trial in
            let owner = try await trial.create(.configMaps, "owner")
            _ = try await trial.create(.configMaps, "owned", owned(by: owner))
            _ = try await trial.create(.configMaps, "free")
            _ = try await trial.delete(.configMaps, "owner")
            let gone = try await trial.eventually(.get(.configMaps, trial.key(.configMaps, "owned"))) { $0.code == 404 }
            #expect(gone.code == 404)
            let free = try await trial.get(.configMaps, "free")
            #expect(free.code == 200)
        },
        ConformanceCase("an object with an owner that never existed is collected") { trial in
            let owner = try await trial.create(.configMaps, "owner")
            var reference = owned(by: owner)
            _ = try await trial.delete(.configMaps, "owner")
            reference.set("x", at: "data", "k")
            let made = try await trial.create(.configMaps, "late", reference)
            #expect(made.code == 201)
            let gone = try await trial.eventually(.get(.configMaps, trial.key(.configMaps, "late"))) { $0.code == 404 }
            #expect(gone.code == 404)
        },
        ConformanceCase("in the foreground an owner is deleted last") { trial in
            let owner = try await trial.create(.configMaps, "owner")
            var fields = owned(by: owner)
            fields.set(["mlctl.dev/x"], at: "metadata", "finalizers")
            _ = try await trial.create(.configMaps, "owned", fields)
            let deleted = try await trial.delete(.configMaps, "owner", propagation: .foreground)
            #expect(deleted.metadata[field: "finalizers"] == ["foregroundDeletion"])
            let marked = try await trial.eventually(.get(.configMaps, trial.key(.configMaps, "owned"))) {
                $0.metadata[field: "deletionTimestamp"] != nil
            }
            #expect(marked.metadata[field: "deletionTimestamp"] != nil)
            let waiting = try await trial.get(.configMaps, "owner")
            #expect(waiting.code == 200)
            _ = try await trial.merge(.configMaps, "owned", ["metadata": ["finalizers": .null]])
            let gone = try await trial.eventually(.get(.configMaps, trial.key(.configMaps, "owner"))) { $0.code == 404 }
            #expect(gone.code == 404)
        },
        ConformanceCase("orphans stay, and lose their owner reference") { trial in
            let owner = try await trial.create(.configMaps, "owner")
            _ = try await trial.create(.configMaps, "owned", owned(by: owner))
            // The collector must know of the object before its owner is deleted.
            await trial.cluster.settle()
            _ = try await trial.delete(.configMaps, "owner", propagation: .orphan)
            let gone = try await trial.eventually(.get(.configMaps, trial.key(.configMaps, "owner"))) { $0.code == 404 }
            #expect(gone.code == 404)
            let left = try await trial.get(.configMaps, "owned")
            #expect(left.code == 200 && left.metadata[field: "ownerReferences"] == nil)
        },
        ConformanceCase("an object that is being deleted can still orphan what it owns") { trial in
            let owner = try await trial.create(
                .configMaps, "owner", ["metadata": ["finalizers": ["mlctl.dev/x"]]])
            _ = try await trial.create(.configMaps, "owned", owned(by: owner))
            // The collector must know of the object before its owner is deleted.
            await trial.cluster.settle()
            let first = try await trial.delete(.configMaps, "owner")
            #expect(first.metadata[field: "finalizers"] == ["mlctl.dev/x"])
            let second = try await trial.delete(.configMaps, "owner", propagation: .orphan)
            #expect(second.code == 200)
            #expect(second.metadata[field: "deletionTimestamp"] == first.metadata[field: "deletionTimestamp"])
            #expect(second.metadata[field: "finalizers"] == ["mlctl.dev/x", "orphan"])
            let free = try await trial.eventually(.get(.configMaps, trial.key(.configMaps, "owned"))) {
                $0.metadata[field: "ownerReferences"] == nil
            }
            #expect(free.code == 200 && free.metadata[field: "ownerReferences"] == nil)
            let held = try await trial.eventually(.get(.configMaps, trial.key(.configMaps, "owner"))) {
                $0.metadata[field: "finalizers"] == ["mlctl.dev/x"]
            }
            #expect(held.metadata[field: "finalizers"] == ["mlctl.dev/x"])
            _ = try await trial.merge(.configMaps, "owner", ["metadata": ["finalizers": .null]])
            await trial.cluster.settle()
            let left = try await trial.get(.configMaps, "owned")
            #expect(left.code == 200)
        },
        ConformanceCase("in a namespace that is being deleted nothing can be created, and everything is deleted") {
            trial in
            let name = trial.namespace + "-ending"
            _ = try await trial.create(.namespaces, name)
            let key = NamespacedName(namespace: name, name: "held")
            let held = trial.object(.configMaps, "held", ["metadata": ["finalizers": ["mlctl.dev/x"]]])
            _ = try await trial.send(.create(.configMaps, namespace: name, body: held.data, fieldManager: "m"))
            let deleted = try await trial.delete(.namespaces, name)
            #expect(deleted.body.value(at: "status", "phase") == "Terminating")
            let refused = try await trial.send(
                .create(
                    .configMaps, namespace: name, body: trial.object(.configMaps, "new", .object([:])).data,
                    fieldManager: "m"))
            #expect(refused.code == 403 && refused.reason == "Forbidden")
            #expect(
                refused.message
                    == "configmaps \"new\" is forbidden: unable to create new content in namespace \(name) because it is "
                    + "being terminated")
            #expect(refused.causes.first?[field: "reason"] == "NamespaceTerminating")
            let marked = try await trial.eventually(.get(.configMaps, key)) {
                $0.metadata[field: "deletionTimestamp"] != nil
            }
            #expect(marked.code == 200)
            _ = try await trial.send(
                .merge(
                    .configMaps, key, body: (["metadata": ["finalizers": .null]] as JSONValue).data, fieldManager: "m"))
            let gone = try await trial.eventually(.get(.namespaces, NamespacedName(name: name))) { $0.code == 404 }
            #expect(gone.code == 404)
        },
    ]
}
