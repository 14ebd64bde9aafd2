import AsyncHTTPClient
import ControlPorts
import Foundation
import Rollouts
import TestSupport
import Testing

@testable import ControlAPI

/// What a client reveals, and which servers it trusts.
@Suite("A client that does not know who answers") struct ControlTransportTests {
    @Test("a program that has taken the port gets no token, and its answers are not trusted")
    func rogue() async throws {
        try await RogueListener.run { rogue async throws in
            let url = try #require(URL(string: "http://127.0.0.1:\(rogue.port)"))
            for (answer, givesChallenges) in RogueListener.answers.flatMap({ [($0, false), ($0, true)] }) {
                rogue.answer = answer
                rogue.givesChallenges = givesChallenges
                for token in [Tokens.admin, nil] {
                    let asking = try client(url, token)
                    await #expect(throws: ControlClientError.self) { try await asking.status() }
                    await #expect(throws: ControlClientError.self) {
                        try await asking.act(OperatorCommand(.promote(full: true)), on: Samples.key)
                    }
                    await #expect(throws: ControlClientError.self) { try await asking.sync() }
                    await #expect(throws: ControlClientError.self) { for try await _ in asking.eventStream() {} }
                }
            }
            #expect(rogue.connections > 0 && rogue.received.contains("GET /api/v1/challenge"))
            #expect(!rogue.received.contains(Tokens.admin))
            #expect(!rogue.received.lowercased().contains("bearer"))
        }
    }

    @Test("a recorded request is refused when it is sent again")
    func replay() async throws {
        let surface = ControlServerTests.surface()
        try await withServer(surface) { url async throws in
            let asking = try client(url)
            _ = try await asking.act(OperatorCommand(.abort), on: Samples.key)
            // Signed like a client's request, and sent twice.
            let challenge = try await Self.challenge(url)
            let target = "/api/v1/deployments/payments/fraud-scorer/pause"
            let signature = RequestSignature(
                method: "POST", target: target, body: Data(), challenge: challenge,
                nonce: Base64URL.encode(Data(repeating: 1, count: 16)), secret: Tokens.admin)
            let headers = [("authorization", signature.authorization)]
            func send(_ path: String = target, body: String? = nil) async throws -> Int {
                try await ControlServerTests.ask(url, path, method: "POST", body: body, headers: headers, token: nil)
                    .status
            }
            #expect(try await send() != 401)
            #expect(try await send() == 401)
            #expect(try await send("/api/v1/deployments/payments/fraud-scorer/promote") == 401)
        }
        #expect(surface.read { $0.commands }.count == 1)
    }

    @Test("a body that is not the one that was signed is refused")
    func swappedBody() async throws {
        let surface = ControlServerTests.surface()
        try await withServer(surface) { url async throws in
            let target = "/api/v1/deployments/payments/fraud-scorer/promote"
            let signature = RequestSignature(
                method: "POST", target: target, body: Data("{}".utf8), challenge: try await Self.challenge(url),
                nonce: Base64URL.encode(Data(repeating: 1, count: 16)), secret: Tokens.admin)
            let answer = try await ControlServerTests.ask(
                url, target, method: "POST", body: #"{"full": true}"#,
                headers: [("authorization", signature.authorization)], token: nil)
            #expect(answer.status == 400 && answer.body.contains("not the one that was signed"))
        }
        #expect(surface.read { $0.commands }.isEmpty)
    }

    @Test("after a restart of the controller, the client signs the request once more by itself")
    func restart() async throws {
        let surface = ControlServerTests.surface()
        let (asking, port) = try await withServer(surface) { url async throws in
            let asking = try client(url)
            _ = try await asking.status()
            return (asking, try #require(url.port))
        }
        try await withServer(surface, port: port) { _ async throws in
            #expect(try await asking.status() == Samples.status)
            await #expect(throws: ControlError.self) { try await asking.act(OperatorCommand(.resume), on: Samples.key) }
        }
    }

    @Test("refusals carry their proof as well")
    func refusals() async throws {
        try await withServer(ControlServerTests.surface()) { url async throws in
            let limited = try client(url, Tokens.viewer)
            let refused = await #expect(throws: ControlClientError.self) {
                try await limited.act(OperatorCommand(.abort), on: Samples.key)
            }
            #expect(refused?.description.contains("the role operator is needed") == true)
        }
    }

    static func challenge(_ url: URL) async throws -> String {
        let answer = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: url.absoluteString + "/api/v1/challenge"), timeout: .seconds(10))
        #expect(answer.status.code == 401)
        return try #require(answer.headers.first(name: AuthenticationMiddleware.challengeHeader))
    }
}
