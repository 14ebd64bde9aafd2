import ModelManifests
import Testing

@Suite("Model files that may change without a new revision")
struct ModelPinningTests {
    private func advice(_ uri: String, digest: Digest? = nil, on target: Target = .kubernetes(.init())) -> String? {
        ModelSource(version: "1", storageURI: uri, digest: digest).unpinnedWarning(on: target)
    }

    @Test(
        "in a cluster, files under a name that can be reassigned are not pinned",
        arguments: [
            "s3://models/fraud", "gs://models/fraud", "https://example.com/fraud.tar.gz", "oci://example.com/fraud:1",
            "hf://owner/fraud:main", "hf://owner/fraud",
        ])
    func unpinned(_ uri: String) throws {
        let said = try #require(advice(uri))
        #expect(said.hasPrefix("\(uri) is not pinned") && said.contains("model.digest"))
        #expect(advice(uri, digest: Digest("sha256:" + String(repeating: "a", count: 64))) == nil)
        #expect(advice(uri, on: .local) == nil)
    }

    @Test(
        "a commit, a digest in the name and a volume claim are pinned",
        arguments: [
            "oci://example.com/fraud@sha256:\(String(repeating: "a", count: 64))",
            "hf://owner/fraud:\(String(repeating: "0", count: 40))", "pvc://claim/fraud",
        ])
    func pinned(_ uri: String) { #expect(advice(uri) == nil) }
}
