import Foundation
import Testing

@testable import KubernetesClient

@Suite("Errors of the API server")
struct APIErrorTests {
    static let request = APIRequest.get(.modelDeployments, NamespacedName(namespace: "a", name: "b"))

    @Test("a contested field is named with its owner")
    func conflict() {
        let body = """
            {"kind":"Status","status":"Failure","message":"Apply failed with 1 conflict: conflict with \\"kubectl-edit\\"",
             "reason":"Conflict","code":409,"details":{"causes":[{"reason":"FieldManagerConflict",
             "message":"conflict with \\"kubectl-edit\\" using apps/v1","field":".spec.replicas"}]}}
            """
        let error = APIError.answer(code: 409, body: Data(body.utf8), request: Self.request)
        #expect(error.fieldConflicts == [FieldConflict(field: ".spec.replicas", manager: "kubectl-edit")])
        #expect(error.message.contains(".spec.replicas is owned by kubectl-edit"))
        #expect(error.retry == .conflict)
    }

    @Test("a kind that is not installed differs from an object that does not exist")
    func missingKind() {
        let kind = APIError.answer(code: 404, body: Data("404 page not found\n".utf8), request: Self.request)
        #expect(kind.isMissingResource)
        #expect(kind.message.contains("mlctl schema --crd | kubectl apply --server-side -f -"))
        let status = #"{"kind":"Status","message":"pods \"b\" not found","reason":"NotFound","code":404}"#
        let object = APIError.answer(code: 404, body: Data(status.utf8), request: Self.request)
        #expect(object.isNotFound)
        #expect(!object.isMissingResource)
    }

    @Test("each answer has a retry class")
    func retry() {
        func retry(_ code: Int, _ message: String = "") -> APIError.Retry {
            APIError(.status(code: code, reason: ""), message: message).retry
        }
        #expect(retry(429) == .transient(after: nil))
        #expect(retry(403) == .waiting)
        #expect(retry(400) == .terminal)
        #expect(retry(400, "admission webhook \"policy\" denied the request") == .waiting)
        #expect(retry(500, "etcdserver: request is too large") == .terminal)
    }

    @Test("names are encoded in paths, so that no name can reach another path")
    func paths() {
        let path = ResourceType.pods.path(namespace: "a/../b", name: "c?d")
        #expect(path == "/api/v1/namespaces/a%2F..%2Fb/pods/c%3Fd")
    }

    @Test("metadata alone is requested as a list for a list, and as objects for a watch")
    func metadataOnly() {
        let list = APIRequest.list(.pods).metadataOnly
        let watch = APIRequest.watch(.pods, resourceVersion: "1", timeout: .seconds(1)).metadataOnly
        let get = Self.request.metadataOnly
        #expect(list.accept == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
        #expect(watch.accept == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
        #expect(get.accept == watch.accept)
    }
}
