import Foundation
import ModelManifests
import Testing

@testable import KubernetesServing

@Suite("Owned fields")
struct FieldTreeTests {
    private func owned(_ text: String) throws -> FieldTree {
        try JSONDecoder().decode(FieldTree.self, from: Data(text.utf8))
    }

    @Test("an applied body owns what the API server says it owns")
    func applied() throws {
        let body = try Sample.json(
            #"""
            {"apiVersion":"apps/v1","kind":"Deployment",
             "metadata":{"name":"n","namespace":"s","labels":{"a":"b"},
                         "ownerReferences":[{"uid":"u","name":"o","kind":"K"}]},
             "spec":{"selector":{"matchLabels":{"a":"b"}},
              "template":{"spec":{"containers":[{"name":"m","args":["x"],
                "ports":[{"containerPort":80,"protocol":"TCP","name":"http"}],"env":[{"name":"A","value":"1"}]}],
                "volumes":[{"name":"v","emptyDir":{}}]}}}}
            """#)
        let fields = try owned(
            #"""
            {"f:metadata":{"f:labels":{"f:a":{}},"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}},
             "f:spec":{"f:selector":{},"f:template":{"f:spec":{
               "f:containers":{"k:{\"name\":\"m\"}":{".":{},"f:name":{},"f:args":{},
                 "f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},
                    "f:protocol":{},"f:name":{}}},
                 "f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}}}}},
               "f:volumes":{"k:{\"name\":\"v\"}":{".":{},"f:name":{},"f:emptyDir":{}}}}}}}
            """#)
        #expect(FieldTree(applied: body) == fields)
        #expect(FieldTree(applied: body).digest == fields.digest)
    }

    @Test("a removed field changes the digest")
    func taken() throws {
        let whole = try owned(#"{"f:spec":{"f:replicas":{},"f:template":{}}}"#)
        let less = try owned(#"{"f:spec":{"f:template":{}}}"#)
        #expect(whole.digest != less.digest)
        #expect(try owned(#"{"f:spec":{".":{},"f:template":{}}}"#).digest == less.digest)
    }
}
