import ControlPorts
import Foundation
import Testing

@testable import ControlAPI

/// Deliveries over the network.
@Suite("The hook of a project with a secret", .timeLimit(.minutes(5)))
struct HookServerTests {
    private static let secret = "a-secret-of-the-hook-1"
    private static let body = #"{"ref": "refs/heads/main"}"#

    private static func rules() throws -> (rules: [HookRule], folder: URL) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hook-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: "secret")
        try Data(secret.utf8).write(to: file)
        return ([HookRule(project: "risk", repo: "/r", reference: .branch("main"), secretFile: file.path)], folder)
    }

    private static func signed(_ body: String = body) -> [(String, String)] {
        [
            ("x-github-event", "push"), ("x-github-delivery", "d1"),
            ("x-hub-signature-256", "sha256=\(HookRuleTests.signature(Data(body.utf8)))"),
        ]
    }

    private static func post(_ url: URL, _ headers: [(String, String)], _ body: String = body) async throws -> Int {
        try await ControlServerTests.ask(url, "/api/v1/hooks/git", method: "POST", body: body, headers: headers).status
    }

    @Test("a signed delivery has git checked; others are refused, or are passed over, and have nothing checked")
    func delivery() async throws {
        let (rules, folder) = try Self.rules()
        defer { try? FileManager.default.removeItem(at: folder) }
        let surface = ControlServerTests.surface()
        try await withServer(surface, hooks: rules) { url async throws in
            #expect(try await Self.post(url, []) == 403)
            #expect(try await Self.post(url, Self.signed(), #"{"ref": "refs/heads/main" }"#) == 403)
            let other = #"{"ref": "refs/heads/other"}"#
            #expect(try await Self.post(url, Self.signed(other), other) == 202)
            #expect(surface.read { $0.looks } == 0)
            #expect(try await Self.post(url, Self.signed()) == 202)
            try await eventually { surface.read { $0.looks } == 1 }
            let long = String(repeating: " ", count: GitHook.bodyBytes + 1)
            #expect(try await Self.post(url, Self.signed(long), long) == 413)
            #expect(try await ControlServerTests.ask(url, "/healthz").status == 200)
        }
    }

    @Test("a controller that stands by passes the delivery on, with its signature")
    func standby() async throws {
        let (rules, folder) = try Self.rules()
        defer { try? FileManager.default.removeItem(at: folder) }
        let surface = ControlServerTests.surface()
        try await withServer(surface, hooks: rules) { leader async throws in
            try await withServer(
                ForwardingTests.standby(), hooks: rules, standing: ForwardingTests.following(leader)
            ) { url async throws in
                #expect(try await Self.post(url, []) == 403)
                #expect(try await Self.post(url, Self.signed()) == 202)
                try await eventually { surface.read { $0.looks } == 1 }
            }
        }
    }
}
