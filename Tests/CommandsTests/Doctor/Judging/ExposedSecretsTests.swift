import ModelManifests
import Testing

@testable import Commands

@Suite("Secrets in settings and manifests") struct WrittenSecretsTests {
    private static let token = "kR8vQx2LmZ0pTn5YbWc7HsJd4GfA9eUi"

    private func found(_ text: String) -> [Finding] {
        ExposedSecrets.findings(in: [.init(place: "a.yaml", text: text)], known: [Self.token])
    }

    @Test("one of the controller's own tokens is found, also in base64, and never repeated")
    func own() {
        for text in ["x: \(Self.token)\n", "x: a1I4dlF4MkxtWjBwVG41WWJXYzdIc0pkNEdmQTllVWk=\n"] {
            let found = found(text)
            #expect(found.map(\.severity) == [.problem])
            #expect(!"\(found)".contains(Self.token) && !"\(found)".contains("a1I4dlF4"))
        }
    }

    @Test(
        "text that looks like a credential is found with its line",
        arguments: [
            "token: ghp_" + String(repeating: "a1B2", count: 9), "key: AKIA" + String(repeating: "Z9", count: 8),
            "pat: glpat-" + String(repeating: "xY3", count: 8), "-----BEGIN EC PRIVATE KEY-----",
            "uri: https://me:hunter2@models.example.com/m",
        ])
    func shapes(line: String) {
        let found = found("a: 1\n\(line)\n")
        #expect(found.map(\.severity) == [.problem])
        #expect(found[0].message.contains("a.yaml, line 2") && !found[0].message.contains("hunter2"))
    }

    @Test(
        "text that is not a credential is not reported",
        arguments: [
            "uri: https://models.example.com/m@v1", "uri: https://$USER:$PASSWORD@models.example.com/", "x: AKIA",
            "uri: s3://bucket/a:b", "mail: git@example.com:ml/models.git", "user: https://me@models.example.com/",
            "-----BEGIN CERTIFICATE-----",
        ])
    func plain(line: String) { #expect(found(line).map(\.severity) == [.ok]) }

    @Test("a variable with a secret's name and a value in git is named without its value")
    func variables() {
        func found(_ name: String, _ value: EnvironmentVariable.Value) -> [Finding] {
            let runtime = Runtime(command: ["x"], env: [EnvironmentVariable(name: name, value: value)])
            let template = ServingTemplate(
                model: ModelSource(version: "1"), runtime: runtime, resources: Resources(), canonical: "{}")
            return ExposedSecrets.variables(of: [
                ModelDeployment(key: DeploymentKey(namespace: "p", name: "a"), template: template)
            ])
        }
        let literal = found("DB_PASSWORD", .literal("hunter2hunter2"))
        #expect(literal.map(\.severity) == [.warning])
        #expect(!"\(literal)".contains("hunter2") && "\(literal)".contains("DB_PASSWORD"))
        #expect(found("AWS_SECRET_ACCESS_KEY", .literal("0123456789")).count == 1)
        #expect(found("DB_PASSWORD", .secret("db")).isEmpty)
        #expect(found("DB_PASSWORD", .literal("$(OTHER_PASSWORD)")).isEmpty)
        for name in ["TOKENIZERS_PARALLELISM", "MAX_TOKENS", "PASSWORD_FILE", "KEY_NAME", "MODEL_NAME"] {
            #expect(found(name, .literal("0123456789")).isEmpty, "\(name)")
        }
        #expect(found("EOS_TOKEN", .literal("</s>")).isEmpty)
    }

    @Test("without readable files nothing is known, and findings over the bound are counted")
    func unread() {
        #expect(ExposedSecrets.findings(in: nil, known: []).map(\.severity) == [.notLookedAt])
        #expect(ExposedSecrets.findings(in: [], known: []).map(\.severity) == [.notLookedAt])
        let huge = ExposedSecrets.Text(
            place: "b.yaml", text: String(repeating: "x", count: ExposedSecrets.mostBytes + 1))
        #expect(ExposedSecrets.findings(in: [huge], known: []).map(\.severity) == [.notLookedAt])
    }
}
