import ModelManifests
import Testing

@Suite("Allowed model sources")
struct ModelSourceRootTests {
    @Test(
        "a source below a root is allowed",
        arguments: [
            ("s3://models-risk/", "s3://models-risk/fraud/1"), ("s3://models-risk", "s3://models-risk/fraud/1"),
            ("s3://models/risk", "s3://models/risk"), ("s3://models/risk/", "s3://models//risk/./x"),
            ("https://models.example.com/", "https://models.example.com/a?version=3"),
            ("https://models.example.com/", "https://MODELS.example.com:443/a"),
            ("file:/srv/models/risk/", "file:///srv/models/risk/1"), ("file:///srv/models", "file:/srv/models/a"),
            ("file:/srv/models", "file://localhost/srv/models/a"),
            ("oci://registry.example.com/team", "oci://registry.example.com/team/m:1"),
            ("pvc://claim/a", "pvc://claim/a/b"), ("hf://org", "hf://org/model"),
            ("hf://org/model", "hf://org/model@v1"), ("hf://org/model", "hf://org/model:refs/pr/1?include=a"),
        ])
    func within(_ root: String, _ uri: String) throws {
        #expect(try #require(ModelSourceRoot(root)).contains(uri), "\(uri)")
    }

    @Test(
        "a source beside the root, or one that could mean another place, is refused",
        arguments: [
            ("s3://models-risk", "s3://models-risk-evil/x"), ("s3://models/risk", "s3://models/risky/x"),
            ("s3://models/risk/", "s3://models/risk/../other"), ("s3://models/risk", "s3://models/risk/%2e%2e/other"),
            ("s3://models/risk", "s3://models/risk/%2E%2e%2Fother"),
            ("s3://models/risk", "s3://models/risk/%252e%252e/o"),
            ("https://models.example.com/", "https://models.example.com.evil.org/a"),
            ("https://models.example.com/", "https://models.example.com@evil.org/a"),
            ("https://models.example.com/", "https://user:x@models.example.com/a"),
            ("https://models.example.com/", "https://models.example.com:8443/a"),
            ("https://models.example.com/", "https://evil.org/?https://models.example.com/"),
            ("https://models.example.com/", "https://models.example.com\\@evil.org/"),
            ("https://models.example.com/a", "https://models.example.com/a/..;/b/../../c"),
            ("file:/srv/models/risk", "file:/srv/models/risk/../../../etc/shadow"),
            ("file:/srv/models", "file:./srv/models/x"), ("file:/srv/models", "file://evil/srv/models/x"),
            ("file:/srv/models", "file:/srv/models/%2e%2e/%2e%2e/etc/shadow"), ("file:/srv/models", "/srv/models/x"),
            ("s3://models", "gs://models/x"), ("hf://org/model", "hf://org/model2@v1"), ("hf://org/a", "hf://org/@a"),
            ("s3://models", "s3:models/x"), ("s3://Models", "s3://models/x"),
            ("file:/srv/models", "file:/srv/models/a?/../../../etc/shadow"),
            ("file:/srv/models", "file:/srv/models/a#/../../../etc/shadow"),
            ("file:/srv/models", "file:/srv/models/a%00b"), ("s3://models", "s3://models/a%0Ab"),
            ("s3://models", "s3://models/a%5C..%5Cb"), ("s3://models", "s3://models/a\u{7F}b"),
            ("s3://models", "s3://models/a\nb"), ("s3://models", ""), ("s3://models", ":"),
        ])
    func outside(_ root: String, _ uri: String) throws {
        #expect(!(try #require(ModelSourceRoot(root)).contains(uri)), "\(uri)")
    }

    @Test(
        "a text without a place is not a root",
        arguments: ["", "models", "s3:", "s3://", "s3:///", "https://user@host/", "file:models"])
    func noRoot(_ text: String) {
        #expect(ModelSourceRoot(text) == nil)
    }

    @Test("a pattern matches whole names")
    func patterns() {
        for (pattern, name, isMatched) in [
            ("risk", "risk", true), ("risk", "risk-a", false), ("risk-*", "risk-a", true), ("risk-*", "risk-", true),
            ("risk-*", "risk", false), ("*", "anything", true), ("*-prod", "a-prod", true), ("a*a", "a", false),
            ("a*b*c", "axxbxxc", true), ("a*b*c", "acb", false), ("a*b*c", "abc", true), ("*b*", "abc", true),
        ] {
            #expect(NamePattern(pattern).matches(name) == isMatched, "\(pattern) \(name)")
        }
    }
}
