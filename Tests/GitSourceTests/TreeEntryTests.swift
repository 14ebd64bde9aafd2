import ModelManifests
import Testing

@testable import GitSource

struct TreeEntryTests {
    static let id = String(repeating: "a", count: 40)
    static let other = String(repeating: "b", count: 40)

    @Test("a listing keeps YAML files, links and submodules, with blanks and line ends in their names")
    func listing() {
        let records = [
            "100644 blob \(Self.id)\ta b\n.yaml", "100755 blob \(Self.id)\tc.yml",
            "120000 blob \(Self.id)\tdeploy/link", "100644 blob \(Self.id)\tdeploy/.mlctlignore",
            "160000 commit \(Self.id)\tmodels", "100644 blob \(Self.id)\tREADME.md", "100644 blob \(Self.id)\tx/.yaml",
        ]
        let entries = TreeEntry.entries(ofListing: Array(records.joined(separator: "\0").utf8) + [0])
        #expect(
            entries.map(\.path) == ["a b\n.yaml", "c.yml", "deploy/link", "deploy/.mlctlignore", "models", "x/.yaml"])
        #expect(entries.map(\.kind) == [.file, .file, .symbolicLink, .file, .submodule, .file])
        #expect(entries.allSatisfy { $0.id == Self.id && $0.hasReadableName })
    }

    @Test("a name that is not UTF-8 is kept and marked")
    func unreadableName() throws {
        let bytes = Array("100644 blob \(Self.id)\t".utf8) + [0xFF] + Array(".yaml\0".utf8)
        let entry = try #require(TreeEntry.entries(ofListing: bytes).first)
        #expect(!entry.hasReadableName)
        #expect(ManifestFile(entry, read: nil).obstacle == .unreadableName)
    }

    @Test("a difference has the present and the removed files")
    func difference() {
        let records = [
            ":100644 100644 \(Self.id) \(Self.other) M", "a.yaml", ":100644 000000 \(Self.id) \(Self.other) D",
            "b.yaml",
            ":000000 100644 \(Self.id) \(Self.other) A", "c.yml", ":000000 100644 \(Self.id) \(Self.other) A", "d.txt",
        ]
        let change = TreeChange(Array(records.joined(separator: "\0").utf8) + [0])
        #expect(change.removed == ["b.yaml"])
        #expect(change.present.map(\.path) == ["a.yaml", "c.yml"])
        #expect(change.present.allSatisfy { $0.id == Self.other })
    }

    @Test("a batch of blobs is split by size, whatever they contain")
    func batch() {
        let text = "\(Self.id) blob 8\nx\n\(Self.id.prefix(5))\n\nmore missing\n\(Self.other) blob 0\n\n"
        let contents = BlobReader.contents(ofBatch: Array(text.utf8))
        #expect(
            contents == [
                Self.id: ManifestFile(blob: Self.id, text: "x\naaaaa\n"), "more": Self.lost("more"),
                Self.other: ManifestFile(blob: Self.other, text: ""),
            ])
    }

    @Test("a batch that ends early loses its last blob")
    func brokenBatch() {
        #expect(BlobReader.contents(ofBatch: Array("\(Self.id) blob 10\nabc".utf8)) == [Self.id: Self.lost(Self.id)])
    }

    @Test("a blob with an impossible size is lost", arguments: ["-5", "9223372036854775807", "x"])
    func impossibleSize(size: String) {
        #expect(
            BlobReader.contents(ofBatch: Array("\(Self.id) blob \(size)\nab\n".utf8))[Self.id] == Self.lost(Self.id))
    }

    private static func lost(_ id: String) -> ManifestFile { ManifestFile(blob: id, obstacle: .lostContent(blob: id)) }

    @Test("references are read from whole lines with an object id")
    func references() {
        let text = "\(Self.id)\trefs/heads/main\nnothing\nabc\trefs/heads/short\n\(Self.other)\trefs/tags/v1\n"
        #expect(
            RemoteLook.references(in: Array(text.utf8)) == ["refs/heads/main": Self.id, "refs/tags/v1": Self.other])
    }
}
