import Foundation
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

extension ConformanceCase {
    private static func fill(_ trial: Trial, _ names: [String]) async throws {
        for name in names {
            let made = try await trial.create(
                .leases, name, ["metadata": ["labels": ["name": .string(name), "all": "yes"]]])
            #expect(made.code == 201)
        }
    }

    static let reading: [ConformanceCase] = [
        ConformanceCase("a list is in the order of names, and has a version of its own") { trial in
            try await fill(trial, ["b", "a", "c"])
            let listed = try await trial.list(.leases)
            #expect(listed.code == 200 && listed.names == ["a", "b", "c"])
            #expect(listed.body[field: "kind"] == "LeaseList" && !listed.version.isEmpty)
            // The items of built-in types do not repeat their type.
            #expect(Trial.values("kind", of: listed.body[field: "items"]).isEmpty)
        },
        ConformanceCase("a list in pages is of one moment") { trial in
            try await fill(trial, ["a", "b", "c", "d", "e"])
            let first = try await trial.list(.leases, limit: 2)
            #expect(first.names == ["a", "b"])
            #expect(first.metadata[field: "remainingItemCount"] == 3)
            _ = try await trial.delete(.leases, "d")
            _ = try await trial.create(.leases, "ca")
            let next = try await trial.list(.leases, limit: 2, continuing: first.metadata[field: "continue"]?.text)
            #expect(next.names == ["c", "d"] && next.version == first.version)
            let last = try await trial.list(.leases, limit: 2, continuing: next.metadata[field: "continue"]?.text)
            #expect(last.names == ["e"])
            let rest = last.metadata[field: "continue"]?.text ?? ""
            #expect(rest.isEmpty)
        },
        ConformanceCase("a page of a compacted moment has expired") { trial in
            try await fill(trial, ["a", "b"])
            await trial.cluster.forgetHistory()
            let token: JSONValue = ["v": "meta.k8s.io/v1", "rv": 1, "start": "a\0"]
            let text = token.data.base64EncodedString().replacing("=", with: "")
            let expired = try await trial.list(.leases, limit: 1, continuing: text)
            #expect(expired.code == 410 && expired.reason == "Expired")
            #expect(expired.message?.hasPrefix("The provided continue parameter is too old") == true)
            // The token in the answer continues with the newest state.
            let rest = try await trial.list(.leases, limit: 5, continuing: expired.metadata[field: "continue"]?.text)
            #expect(rest.code == 200 && rest.names == ["b"])
        },
        ConformanceCase("an invalid token is a bad request") { trial in
            let answer = try await trial.list(.leases, limit: 1, continuing: "garbage")
            #expect(answer.code == 400 && answer.message?.hasPrefix("invalid continue token: ") == true)
        },
        ConformanceCase("labels select: equal, unequal, one of, none of, present, absent") { trial in
            try await fill(trial, ["a", "b", "c"])
            _ = try await trial.create(.leases, "plain")
            for (selector, names) in [
                ("name=a", ["a"]), ("name!=a,all", ["b", "c"]), ("name in (a, b)", ["a", "b"]),
                ("name notin (a,b),all=yes", ["c"]), ("!all", ["plain"]), ("name==b", ["b"]),
            ] {
                let listed = try await trial.list(.leases, labels: selector)
                #expect(listed.names == names, "\(selector)")
            }
            let wrong = try await trial.list(.leases, labels: "a b")
            #expect(wrong.code == 400)
            #expect(
                wrong.message == "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt")
        },
        ConformanceCase("fields select by name") { trial in
            try await fill(trial, ["a", "b"])
            let found = try await trial.send(
                .list(.leases, .init(namespace: trial.namespace, fieldSelector: "metadata.name=b")))
            #expect(found.names == ["b"])
            let wrong = try await trial.send(
                .list(.configMaps, .init(namespace: trial.namespace, fieldSelector: "spec.no=b")))
            #expect(wrong.code == 400)
        },
        ConformanceCase("a list across namespaces finds them all") { trial in
            try await fill(trial, ["a"])
            let listed = try await trial.send(.list(.leases, .init(labelSelector: "all=yes")))
            let places = listed.items.compactMap { $0.value(at: "metadata", "namespace")?.text }
            #expect(listed.code == 200 && places.contains(trial.namespace))
        },
        ConformanceCase("metadata alone is returned on request") { trial in
            try await fill(trial, ["a"])
            let one = try await trial.send(
                APIRequest(
                    .get, ResourceType.leases.path(namespace: trial.namespace, name: "a"),
                    accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"))
            #expect(one.body[field: "kind"] == "PartialObjectMetadata" && one.body[field: "spec"] == nil)
            #expect(one.metadata.value(at: "labels", "name") == "a")
        },
        ConformanceCase("a version from the future does not block for ever") { trial in
            let answer = try await trial.list(.leases, version: "999999999")
            #expect(answer.code == 504 && answer.reason == "Timeout")
            #expect(answer.causes.first?[field: "reason"] == "ResourceVersionTooLarge")
            let wrong = try await trial.list(.leases, limit: 1, version: "abc")
            #expect(wrong.code == 400)
        },
    ]
}
