import ArgumentParser
import ControlAPI
import Foundation
import Testing

@testable import Commands

@Suite("Settings for access") struct AccessSettingsTests {
    private func settings(_ text: String) throws -> RunSettings {
        let file = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try RunSettings(contentsOf: file.path(percentEncoded: false))
    }

    @Test("name tokens and certificates")
    func reads() throws {
        let access = try settings(
            """
            tokens:
            - {name: ci, file: /etc/mlctl/ci, role: operator, namespaces: [payments, "risk-*"]}
            - {name: board, file: /etc/mlctl/board, role: viewer, projects: [risk]}
            - {name: prometheus, file: /etc/mlctl/prometheus, role: metrics}
            tls: {certificateFile: /etc/mlctl/tls.crt, keyFile: /etc/mlctl/tls.key, clientCAFile: /etc/mlctl/ca.pem}
            """
        ).access
        #expect(access.tokens.map(\.role) == [.operator, .viewer, .metrics])
        #expect(access.tokens[0].caller.scope == AccessScope(namespaces: ["payments", "risk-*"]))
        #expect(access.tokens[1].caller.scope == AccessScope(projects: ["risk"]))
        #expect(access.tls?.clientCAFile == "/etc/mlctl/ca.pem" && access.scheme == "https")
        #expect(try settings("tokenFile: /a").access.scheme == "http")
    }

    @Test(
        "a setting that is wrong or without effect is refused, with the token's name",
        arguments: [
            ("tokens: [{name: ci, file: /a, role: root}]", "'root' is not a role"),
            ("tokens: [{name: ci, file: /a}]", "role"),
            ("tokens: [{name: ci, file: /a, role: viewer, namespace: [a]}]", "unknown field 'namespace'"),
            ("tokens: [{name: ci, file: /a, role: viewer, namespaces: []}]", "allows nothing"),
            ("tokens: [{name: ci, file: /a, role: viewer, namespaces: [\"a*b\"]}]", "'a*b' is not valid in namespaces"),
            ("tokens: [{name: ci, file: /a, role: viewer, projects: [\"a*\"]}]", "'a*' is not valid in projects"),
            ("tokens: [{name: ci, file: /a, role: admin, namespaces: [a]}]", "the role admin applies to all"),
            ("tokens: [{name: ci, file: /a, role: metrics, projects: [a]}]", "the role metrics applies to all"),
            ("tokens: [{name: ci, file: /a, role: viewer}, {name: ci, file: /b, role: viewer}]", "given twice"),
            ("tokens: [{name: \"local:root\", file: /a, role: viewer}]", "is not a valid name"),
            ("tokens: [{name: state-token, file: /a, role: viewer}]", "is not a valid name"),
            ("tokens: [{name: \"a b\", file: /a, role: viewer}]", "is not a valid name"),
            ("tokens: [{name: ci, file: \"\", role: viewer}]", "needs a file"),
            ("tls: {certificateFile: /a}", "keyFile"),
            ("tls: {certificateFile: /a, keyFile: /b, caFile: /c}", "unknown field 'caFile'"),
        ])
    func refuses(text: String, words: String) {
        let refused = #expect(throws: ValidationError.self) { try settings(text) }
        #expect(refused?.message.contains(words) == true, "\(refused?.message ?? "")")
    }
}

@Suite("Token and certificate files") struct AccessFilesTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appending(path: "mlctl-access-\(UUID().uuidString)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    private func token(_ name: String, _ text: String, mode: Int = 0o600, role: AccessRole = .viewer) throws
        -> AccessSettings.Token
    {
        let file = folder.appending(path: name)
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes(
            [.posixPermissions: mode], ofItemAtPath: file.path(percentEncoded: false))
        return AccessSettings.Token(name: name, file: file.path(percentEncoded: false), role: role)
    }

    private func files(
        _ tokens: [AccessSettings.Token], tokenFile: String? = nil, environment: String? = nil
    ) -> AccessFiles {
        AccessFiles(
            settings: AccessSettings(tokens: tokens), tokenFile: tokenFile, environmentToken: environment, state: folder
        )
    }

    @Test("all tokens have names; the state folder's own is always one of them")
    func names() throws {
        let ci = try token("ci", "ci-token-7c1e9f04b8d25a63\n", role: .operator)
        let keys = try files([ci], environment: "environment-token-0123").keys()
        #expect(keys.callers.map(\.name) == ["state-token", "MLCTL_TOKEN", "ci"])
        #expect(keys.hasShared && keys.callers.map(\.role) == [.admin, .admin, .operator])
        let own = try files([]).keys()
        #expect(own.callers.map(\.name) == ["state-token"] && !own.hasShared)
    }

    @Test(
        "an unusable file is an error at the start, with its name and the reason",
        arguments: [
            ("short\n", 0o600, "at least 20 are needed"), ("a\n", 0o600, "at least 20"),
            ("", 0o600, "it is empty"), (String(repeating: "z", count: 40), 0o600, "repeats"),
            ("good-token-7c1e9f04b8d25a63\n", 0o644, "chmod 600"),
            ("two-lines-0123456789\nof-text\n", 0o600, "one line"),
        ])
    func bad(text: String, mode: Int, words: String) throws {
        let bad = try token("bad", text, mode: mode)
        let refused = #expect(throws: ValidationError.self) { try files([bad]).keys() }
        #expect(refused?.message.contains(bad.file) == true && refused?.message.contains(words) == true)
        #expect(refused?.message.contains("good-token") == false)
    }

    @Test("all unusable tokens are said at once, each with its line of the settings")
    func allBad() throws {
        var weak = try token("weak", "short")
        weak.place = "mlctl.yaml:3:12"
        let gone = AccessSettings.Token(
            name: "gone", file: "/nonexistent/token", role: .viewer, place: "mlctl.yaml:4:12")
        let refused = try #require(#expect(throws: ValidationError.self) { try files([weak, gone]).keys() })
        let lines = refused.message.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("mlctl.yaml:3:12: token 'weak': ") })
        #expect(lines.contains { $0.hasPrefix("mlctl.yaml:4:12: token 'gone': ") })
    }

    @Test("a weak MLCTL_TOKEN, a missing file, and one token for two names are errors as well")
    func others() throws {
        #expect(throws: ValidationError.self) { try files([], environment: "a").keys() }
        let missing = AccessSettings.Token(name: "gone", file: "/nonexistent/token", role: .viewer)
        #expect(throws: ValidationError.self) { try files([missing]).keys() }
        let one = try token("one", "same-token-7c1e9f04b8d25a63")
        let two = try token("two", "same-token-7c1e9f04b8d25a63")
        let refused = #expect(throws: ValidationError.self) { try files([one, two]).keys() }
        #expect(refused?.message.contains("equals the token 'one'") == true)
    }
}
