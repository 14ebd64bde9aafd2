import ModelManifests
import Testing

@testable import Commands

@Suite("What validate says")
struct ValidationReportTests {
    private func report(_ uri: String, digest: String = "", target: String = "{kind: kubernetes}") throws
        -> ValidationReport
    {
        let text = """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: m, namespace: test}
            spec:
              model: {version: "1", storageUri: "\(uri)"\(digest)}
              runtime: {image: "x:1", command: [x]}
              target: \(target)
            """
        let state = DesiredState.resolve(files: [ManifestReader.read(text, file: "m.yaml")])
        #expect(state.diagnostics == [])
        return ValidationReport(files: ["m.yaml"], deployments: Array(state.deployments.values), diagnostics: [])
    }

    @Test("a model whose files may change under one revision is valid, with a warning")
    func unpinned() throws {
        let report = try report("s3://models/fraud/current")
        #expect(report.text.contains("test/m: warning: s3://models/fraud/current is not pinned"))
        #expect(report.text.contains("all valid"))
        #expect(try report.json().contains("is not pinned"))
    }

    @Test("nothing is said where a digest, or the address itself, pins it")
    func pinned() throws {
        let digest = ", digest: sha256:" + String(repeating: "a", count: 64)
        for report in [
            try report("s3://models/fraud/current", digest: digest),
            try report("oci://ghcr.io/acme/fraud@sha256:" + String(repeating: "b", count: 64)),
            try report("hf://acme/fraud:" + String(repeating: "c", count: 40)),
            try report("https://models.example/fraud.tar", target: "{kind: local}"),
        ] {
            #expect(!report.text.contains("warning"), "\(report.text)")
        }
        #expect(try report("hf://acme/fraud:main").text.contains("warning"))
        #expect(try report("https://models.example/fraud.tar").text.contains("warning"))
    }
}
