import JSON
import Testing

@testable import ModelManifests

@Suite struct CanonicalJSONTests {
    @Test func `keys are sorted by their bytes, and there is no white space`() {
        let value: JSONValue = ["b": [1, true, .null], "a/ü": "x\"\\\n\u{1}", "B": .normal(0.1), "é": .normal(2)]
        #expect(
            CanonicalJSON.text(value) == #"{"B":0.1,"a/ü":"x\"\\\n\u0001","b":[1,true,null],"é":2}"#)
    }

    @Test func `a nested value can be set`() {
        #expect(
            CanonicalJSON.setting(
                ["model", "digest"], to: "sha256:x", in: #"{"model":{"version":"1"},"a":[1,0.5,{}]}"#)
                == #"{"a":[1,0.5,{}],"model":{"digest":"sha256:x","version":"1"}}"#)
        #expect(CanonicalJSON.setting(["model", "digest"], to: "d", in: "{}") == #"{"model":{"digest":"d"}}"#)
        #expect(CanonicalJSON.setting(["a"], to: "d", in: "not JSON") == "not JSON")
    }

    @Test func `written values are read back unchanged`() throws {
        let deployment = try Manifests.only(Manifests.full)
        let canonical = deployment.template.canonical
        let version = deployment.template.model.version
        #expect(CanonicalJSON.setting(["model", "version"], to: version, in: canonical) == canonical)
    }

    @Test func `indented output is readable`() {
        #expect(CanonicalJSON.indentedText(["a": [1], "b": [:]]) == "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}\n")
    }

    @Test func `pinning a template changes its revision once`() throws {
        let template = try Manifests.only(Manifests.full).template
        let digest = try #require(Digest("sha256:" + String(repeating: "a", count: 64)))
        let pinned = template.pinned(to: digest)
        #expect(pinned.revision != template.revision)
        #expect(pinned.model.digest == digest)
        #expect(pinned.pinned(to: digest) == pinned)
    }
}
