import Foundation
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

@Suite("A kubeconfig that is rewritten")
struct KubeconfigCredentialsTests {
    private static func text(
        token: String, server: String = "https://one", current: String = "c", context: String = "c"
    ) -> String {
        """
        current-context: \(current)
        clusters: [{name: k, cluster: {server: "\(server)"}}]
        users: [{name: admin, user: {token: \(token)}}, {name: other, user: {token: others}}]
        contexts: [{name: \(context), context: {cluster: k, user: admin}}, {name: d, context: {cluster: k, user: other}}]
        """
    }

    private let folder: Folder
    private let clock = ManualClock()
    private let source: any CredentialSource

    init() throws {
        folder = try Folder()
        let path = try folder.write("config", Self.text(token: "first"))
        source = try Kubeconfig.read(path, environment: [:]).connection(
            environment: [:], stopwatch: ClientClock(clock)
        ).credentials
    }

    private func token() async throws -> String? { try await source.current().token }

    @Test("is read again after a minute")
    func rotation() async throws {
        try folder.write("config", Self.text(token: "second"))
        clock.advance(by: .seconds(59))
        #expect(try await token() == "first")
        clock.advance(by: .seconds(1))
        #expect(try await token() == "second")
    }

    @Test("is read again after a refusal, but not for each of them")
    func refusals() async throws {
        let first = try await source.current()
        try folder.write("config", Self.text(token: "second"))
        #expect(await !source.refused(first))
        clock.advance(by: KubeconfigCredentials.lookAfterRefusalEvery)
        #expect(await source.refused(first))
        #expect(try await token() == "second")
        // The refusal of another call that was under way with the old token.
        #expect(await source.refused(first))
        let second = try await source.current()
        clock.advance(by: KubeconfigCredentials.lookAfterRefusalEvery)
        #expect(await !source.refused(second))
    }

    @Test(
        "is ignored while it cannot be read, lacks the context, or names another server",
        arguments: [
            "clusters: [", "", text(token: "second", context: "renamed"), text(token: "second", server: "https://two"),
        ])
    func unusable(text: String) async throws {
        try folder.write("config", text)
        clock.advance(by: .seconds(60))
        #expect(try await token() == "first")
        try folder.write("config", Self.text(token: "third"))
        clock.advance(by: .seconds(60))
        #expect(try await token() == "third")
    }

    @Test("keeps its context when another one becomes the current one")
    func currentContext() async throws {
        try folder.write("config", Self.text(token: "second", current: "d"))
        clock.advance(by: .seconds(60))
        #expect(try await token() == "second")
    }
}
