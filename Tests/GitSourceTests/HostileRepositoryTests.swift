import Foundation
import TestSupport
import Testing

@testable import GitSource

/// People who can write to a repository may try to fill the disk or the memory, or to take up time.
struct HostileRepositoryTests {
    let fixture: GitFixture

    init() throws { fixture = try GitFixture() }

    private func noise(_ megabytes: Int) -> Data {
        var generator = SystemRandomNumberGenerator()
        var data = Data(capacity: megabytes << 20)
        for _ in 0..<(megabytes << 17) { withUnsafeBytes(of: generator.next()) { data.append(contentsOf: $0) } }
        return data
    }

    private var mirrorBytes: Int { FolderSize.bytes(of: fixture.folder.appending(path: "state").path) }

    @Test(
        "large blobs are not fetched; among the manifests, the file has an error that it is too large"
    )
    func largeBlobs() async throws {
        try fixture.write(noise(6), to: "weights/model.bin")
        try fixture.write(noise(3), to: "deploy/huge.yaml")
        let first = try fixture.commit(["deploy/a.yaml": "1"])
        let repository = try fixture.repository(
            at: GitReference("main"), path: "deploy", limits: GitLimits(fetchBytes: 4 << 20))
        #expect(try await repository.fetch().commit == first)
        let files = try await repository.files(at: first)
        #expect(files["deploy/a.yaml"]?.text == "1")
        #expect(files["deploy/huge.yaml"]?.obstacle?.kind == .tooLarge)
        #expect(mirrorBytes < 1 << 20)
        // Later commits keep working, with blobs left out on both sides of a change.
        try fixture.write(noise(2), to: "weights/model.bin")
        let second = try fixture.commit(["deploy/a.yaml": "2"])
        #expect(try await repository.fetch().commit == second)
        #expect(try await repository.files(at: second)["deploy/a.yaml"]?.text == "2")
        #expect(try await repository.isAncestor(first, of: second))
        #expect(mirrorBytes < 1 << 20)
    }

    @Test("many blobs below the file limit end the fetch, leave nothing behind, and are not fetched again")
    func manyBlobs() async throws {
        let good = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository(at: GitReference("main"), limits: GitLimits(fetchBytes: 4 << 20))
        _ = try await repository.fetch()
        let before = mirrorBytes
        for index in 0..<12 { try fixture.write(noise(1).dropLast(), to: "blob\(index)") }
        try fixture.commit(["a.yaml": "2"])
        for _ in 0..<2 {
            let error = try #require(try await gitError { _ = try await repository.fetch() })
            #expect(error.code == .tooLarge && error.retryClass == .waiting)
            #expect(error.message.contains("larger than the limits") || error.message.contains("transferred more"))
        }
        #expect(mirrorBytes < before + (1 << 20))
        #expect(try await repository.files(at: good)["a.yaml"]?.text == "1")
        try fixture.git("reset", "--quiet", "--hard", good)
        let next = try fixture.commit(["a.yaml": "3"])
        #expect(try await repository.fetch().commit == next)
    }

    @Test("a first clone that is too large leaves nothing behind")
    func largeClone() async throws {
        for index in 0..<12 { try fixture.write(noise(1).dropLast(), to: "blob\(index)") }
        try fixture.commit(["a.yaml": "2"])
        let repository = try fixture.repository(at: GitReference("main"), limits: GitLimits(fetchBytes: 4 << 20))
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .tooLarge)
        #expect(mirrorBytes < 1 << 20)
    }

    @Test("the text of all manifests together is bounded, also if it grows slowly, or repeats one blob")
    func manyTexts() async throws {
        let limits = GitLimits(snapshotBytes: 3 << 20)
        let text = "# " + String(repeating: "x", count: (1 << 20) - 3)
        try fixture.commit(["a.yaml": text])
        let repository = try fixture.repository(at: GitReference("main"), limits: limits)
        _ = try await repository.files(at: repository.fetch().commit)
        try fixture.commit(["b.yaml": text, "c.yaml": text])
        let three = try await repository.fetch().commit
        #expect(try await repository.files(at: three).count == 3)
        try fixture.commit(["d.yaml": text])
        let error = try #require(
            try await gitError { _ = try await repository.files(at: repository.fetch().commit) })
        #expect(error.code == .tooLarge)
        #expect(try await repository.files(at: three).count == 3)
    }

    @Test("more manifests than allowed are refused, and so are more tags than fit into a listing")
    func manyFilesAndTags() async throws {
        for index in 0..<40 { try fixture.write("1", to: "\(index).yaml") }
        try fixture.commit()
        let repository = try fixture.repository(at: GitReference("main"), limits: GitLimits(files: 39))
        let files = try #require(try await gitError { _ = try await repository.files(at: repository.fetch().commit) })
        #expect(files.code == .tooLarge && files.message.contains("more than 39 YAML files"))
        for index in 0..<40 { try fixture.git("tag", "v1.0.\(index)") }
        let tagged = try fixture.repository(at: GitReference(semver: "1.x"), limits: GitLimits(referenceBytes: 1 << 10))
        #expect(try await gitError { _ = try await tagged.fetch() }?.code == .tooLarge)
    }

    @Test("a tree that contains itself again and again is listed up to a limit")
    func treeBomb() async throws {
        try fixture.commit(["a.yaml": "1"])
        var tree = try fixture.git("rev-parse", "HEAD^{tree}")
        for _ in 0..<8 {
            let lines = (0..<10).map { "040000 tree \(tree)\td\($0)" }.joined(separator: "\n") + "\n"
            let list = fixture.folder.appending(path: "list")
            try lines.write(to: list, atomically: true, encoding: .utf8)
            tree = try GitFixture.run(["sh", "-c", "git -C '\(fixture.source.path)' mktree < '\(list.path)'"])
        }
        let commit = try fixture.git("commit-tree", tree, "-m", "bomb")
        try fixture.git("update-ref", "refs/heads/main", commit)
        let repository = try fixture.repository(at: GitReference("main"), limits: GitLimits(listingBytes: 1 << 20))
        let found = try await repository.fetch().commit
        let error = try #require(try await gitError { _ = try await repository.files(at: found) })
        #expect(error.code == .tooLarge)
    }

    @Test("an object that unpacks to more memory than allowed ends the fetch")
    func memoryBomb() async throws {
        let good = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository(at: GitReference("main"), limits: GitLimits(memoryBytes: 256 << 20))
        _ = try await repository.fetch()
        // A commit's message is not a blob, and git must hold all of it in memory.
        let message = fixture.folder.appending(path: "message")
        try GitFixture.run(["sh", "-c", "head -c 400000000 /dev/zero | tr '\\0' 'x' > '\(message.path)'"])
        try fixture.git("commit", "--quiet", "--allow-empty", "--file", message.path)
        try FileManager.default.removeItem(at: message)
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect([.tooLarge, .damaged, .failed].contains(error.code), "\(error.message)")
        #expect(try await repository.files(at: good)["a.yaml"]?.text == "1")
    }

    @Test(
        "fetching over HTTPS works with and without a filter on the server", .enabled(if: GitServer.isPossible),
        arguments: [true, false])
    func filterOverNetwork(isFilterAllowed: Bool) async throws {
        try fixture.write(noise(2), to: "model.bin")
        let commit = try fixture.commit(["a.yaml": "1"])
        let root = try fixture.publish()
        let bare = root.appending(path: "repo.git").path
        try GitFixture.run(["git", "--git-dir", bare, "config", "uploadpack.allowFilter", "\(isFilterAllowed)"])
        let server = try GitServer(in: fixture.folder, repositories: root)
        defer { server.stop() }
        let repository = try fixture.repository(
            url: "\(server.address)/open/repo.git",
            environment: ["GIT_SSL_CAINFO": server.certificate, "no_proxy": "*"])
        #expect(try await repository.fetch().commit == commit)
        #expect(try await repository.files(at: commit)["a.yaml"]?.text == "1")
        #expect((mirrorBytes < 1 << 20) == isFilterAllowed)
    }
}
