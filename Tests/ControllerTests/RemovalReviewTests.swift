import ControlPorts
import ModelManifests
import Testing

@testable import Controller

@Suite("Whether a commit says that a deployment was removed")
struct RemovalReviewTests {
    private static let origin = ManifestOrigin(repo: "r", reference: "main", file: "m/a.yaml")

    @Test(
        "only a commit that follows, or a rewritten branch, removes something",
        arguments: [
            (CommitDescent.follows, "other", "other", false), (.diverged, "r", "main", false),
            (.diverged, "r", "next", true), (.diverged, "other", "main", true), (.cutOff, "r", "main", true),
            (.cutOff, "r", "next", true), (.unrelated, "r", "main", true), (.missing, "r", "main", true),
        ])
    func table(descent: CommitDescent, repo: String, reference: String, isDoubtful: Bool) {
        let doubt = RemovalReview.doubt(
            descent, from: "c1", file: "m/a.yaml", Self.origin, repo: repo, reference: reference)
        #expect((doubt != nil) == isDoubtful)
        if let doubt {
            #expect(doubt.remedy.contains("name /m/a.yaml in .mlctlignore"))
            #expect(doubt.path.isEmpty)
        }
    }

    @Test("without a known file the way out is a commit with it, and one without it")
    func unknownFile() {
        let doubt = RemovalReview.doubt(.unrelated, from: "c1", file: nil, nil, repo: "r", reference: "main")
        #expect(doubt?.remedy.contains("commit its manifest again and delete it with another commit") == true)
    }

    @Test("where history is cut off, the message says so and names a full clone", arguments: ["m/a.yaml", nil])
    func cutOff(file: String?) {
        let doubt = RemovalReview.doubt(.cutOff, from: "c1", file: file, nil, repo: "r", reference: "main")
        #expect(doubt == .cutOff(from: "c1", file: file))
        #expect(doubt?.reason(at: "c2").contains("the repository is a shallow clone") == true)
        #expect(doubt?.remedy.contains("'git fetch --unshallow'") == true)
        #expect(doubt?.remedy.contains(file ?? "commit its manifest again") == true)
    }

    private struct Source: ManifestSource {
        var answer = CommitDescent.follows
        var outside: [String: ManifestFile] = [:]

        func fetch() async throws -> ManifestSnapshot { ManifestSnapshot(commit: "c2", files: [:]) }
        func isAncestor(_ commit: String, of descendant: String) async throws -> Bool { answer == .follows }
        func descent(of commit: String, from earlier: String) async throws -> CommitDescent { answer }
        func files(_ paths: Set<String>, in commit: String) async throws -> [String: ManifestFile] {
            outside.filter { paths.contains($0.key) }
        }
    }

    private let model = DeploymentKey(namespace: "test", name: "model")

    private func doubt(
        _ source: Source, path: String, ignoring: String = "", seen: RemovalReview.LastSeen = .init(),
        commit: String = "c1"
    ) async throws -> RemovalDoubt? {
        let rules = IgnoreRules(files: [".mlctlignore": ignoring])
        let review = RemovalReview(
            source: ProjectSource(source, repo: "r", path: path),
            snapshot: ManifestSnapshot(commit: "c2", files: [:], ignoring: rules),
            records: [model: RecordedManifest(commit: commit, origin: Self.origin)])
        return try await review.doubts([model: seen])[model]
    }

    @Test("a file outside the path keeps its deployment only while it describes it, or cannot be read")
    func outside() async throws {
        let own = ManifestFile(blob: "1", text: ControllerTests.manifest("1"))
        let other = ManifestFile(blob: "2", text: ControllerTests.manifest("1", name: "other"))
        let broken = ManifestFile(blob: "3", obstacle: .tooLarge(bytes: 2 << 20))
        for (file, isKept) in [(own, true), (other, false), (broken, true), (nil, false)] {
            let source = Source(outside: file.map { ["m/a.yaml": $0] } ?? [:])
            let doubt = try await doubt(source, path: "n")
            #expect((doubt == .outsidePath(file: "m/a.yaml", path: "n")) == isKept)
            #expect(try await self.doubt(source, path: "m") == nil)
            #expect(try await self.doubt(source, path: "n", ignoring: "m/\n") == nil)
        }
    }

    @Test("what the ledger has seen comes before what the record says")
    func seen() async throws {
        let source = Source(answer: .unrelated)
        #expect(try await doubt(source, path: ".") == .unrelated(to: "c1", file: "m/a.yaml"))
        #expect(
            try await doubt(source, path: ".", seen: .init(commit: "c0", file: "x.yaml"))
                == .unrelated(to: "c0", file: "x.yaml"))
        #expect(try await doubt(source, path: ".", ignoring: "a.yaml\n") == nil)
        #expect(try await doubt(source, path: ".", seen: .init(file: "x.yaml"), commit: "") == nil)
    }
}
