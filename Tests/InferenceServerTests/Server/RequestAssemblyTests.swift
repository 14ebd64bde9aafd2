import NIOHTTP1
import Testing

@testable import InferenceServer

@Suite("A connection's requests, part by part")
struct RequestAssemblyTests {
    private func head(_ headers: HTTPHeaders = [:]) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: headers)
    }

    private func status(_ action: RequestAssembly.Action) -> UInt? {
        guard case .refuse(let answer) = action else { return nil }
        return answer.status.code
    }

    @Test("a request is performed when it has ended, with its whole body")
    func whole() {
        var assembly = RequestAssembly(bodyLimitBytes: 4)
        #expect(assembly.headReceived(head()) == .none)
        #expect(assembly.bodyReceived([1, 2]) == .none)
        #expect(assembly.bodyReceived([3, 4]) == .none)
        #expect(assembly.endReceived() == .perform(.init(head: head(), body: [1, 2, 3, 4])))
    }

    @Test("a body that grows too large is refused once and discarded, and the connection is closed")
    func growing() {
        var assembly = RequestAssembly(bodyLimitBytes: 3)
        _ = assembly.headReceived(head())
        #expect(assembly.bodyReceived([1, 2]) == .none)
        #expect(status(assembly.bodyReceived([3, 4])) == 413)
        #expect(assembly.isRefusing)
        #expect(assembly.bodyReceived([5, 6]) == .none)
        #expect(assembly.endReceived() == .close)
        #expect(!assembly.isRefusing)
    }

    @Test(
        "a body whose declared length is too large is refused before it arrives",
        arguments: ["5", "9223372036854775807"])
    func announced(length: String) {
        var assembly = RequestAssembly(bodyLimitBytes: 4)
        #expect(status(assembly.headReceived(head(["Content-Length": length, "Expect": "100-continue"]))) == 413)
    }

    @Test("a client that sends Expect: 100-continue is asked for its body")
    func expectation() {
        var assembly = RequestAssembly(bodyLimitBytes: 4)
        #expect(assembly.headReceived(head(["Expect": "100-Continue"])) == .askForBody)
    }

    @Test("binary tensors are refused")
    func binary() {
        var assembly = RequestAssembly(bodyLimitBytes: 4)
        #expect(status(assembly.headReceived(head(["Inference-Header-Content-Length": "2"]))) == 400)
    }
}
