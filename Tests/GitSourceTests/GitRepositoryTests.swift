import Foundation
import Testing

@testable import GitSource

struct GitRepositoryTests {
    let fixture: GitFixture

    init() throws { fixture = try GitFixture() }

    @Test("a branch is read at its newest commit; only YAML files are read, also in nested folders")
    func branch() async throws {
        let commit = try fixture.commit([
            "a.yaml": "a: 1\n", "deep/er/b.yml": "b: 2\n", "README.md": "no", "yaml": "no",
        ])
        let repository = try fixture.repository()
        let revision = try await repository.fetch()
        #expect(revision == GitRevision(commit: commit, reference: "refs/heads/main"))
        let files = try await repository.files(at: commit)
        #expect(files.mapValues(\.text) == ["a.yaml": "a: 1\n", "deep/er/b.yml": "b: 2\n"])
        #expect(files["a.yaml"]?.blob == (try fixture.git("rev-parse", "HEAD:a.yaml")))
    }

    @Test("a path limits what is read, and file names keep the whole path")
    func path() async throws {
        let commit = try fixture.commit([
            "a.yaml": "a", "deploy/b.yaml": "b", "deploy/x/c.yaml": "c", "deployed/d.yaml": "d",
        ])
        let folder = try fixture.repository(path: "./deploy/")
        _ = try await folder.fetch()
        #expect(try await Set(folder.files(at: commit).keys) == ["deploy/b.yaml", "deploy/x/c.yaml"])
        let absent = try fixture.repository(path: "nowhere")
        #expect(try await absent.files(at: commit).mapValues(\.obstacle?.kind) == ["nowhere": .missingFolder])
    }

    @Test("a tag and an annotated tag point to their commit")
    func tags() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        try fixture.git("tag", "light")
        try fixture.git("tag", "--annotate", "--message", "release", "v1")
        try fixture.git("tag", "--annotate", "--message", "tag of a tag", "v1-again", "v1")
        try fixture.commit(["a.yaml": "2"])
        for tag in ["light", "v1", "v1-again", "refs/tags/v1"] {
            #expect(try await fixture.repository(reference: tag).fetch().commit == first)
        }
    }

    @Test("if a branch and a tag have the same name, the branch is used")
    func branchBeforeTag() async throws {
        try fixture.commit(["a.yaml": "1"])
        try fixture.git("tag", "main")
        let second = try fixture.commit(["a.yaml": "2"])
        let revision = try await fixture.repository().fetch()
        #expect(revision == GitRevision(commit: second, reference: "refs/heads/main"))
    }

    @Test("a commit id stays readable, even when its repository is gone")
    func pinnedCommit() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        try fixture.commit(["a.yaml": "2"])
        let repository = try fixture.repository(reference: first)
        #expect(try await repository.fetch().commit == first)
        try FileManager.default.removeItem(at: fixture.source)
        #expect(try await repository.fetch().commit == first)
        let restarted = try fixture.repository(reference: first)
        #expect(try await restarted.fetch().commit == first)
        #expect(try await restarted.files(at: first)["a.yaml"]?.text == "1")
    }

    @Test("a commit id that the repository does not have is reported")
    func unknownCommit() async throws {
        try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository(reference: String(repeating: "ab", count: 20))
        let error = try await gitError { _ = try await repository.fetch() }
        #expect(error?.code == .referenceNotFound)
    }

    @Test("changed, added, moved and removed files are followed from commit to commit")
    func changes() async throws {
        let first = try fixture.commit(["a.yaml": "1", "b.yaml": "b", "c/d.yaml": "d", "gone.yaml": "x"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        let before = try await repository.files(at: first)
        try fixture.git("mv", "c/d.yaml", "c/e.yaml")
        try fixture.git("rm", "--quiet", "gone.yaml")
        let second = try fixture.commit(["a.yaml": "2", "new.yml": "n"])
        let revision = try await repository.fetch()
        #expect(revision == GitRevision(commit: second, reference: "refs/heads/main", previous: first))
        let after = try await repository.files(at: second)
        #expect(after.mapValues(\.text) == ["a.yaml": "2", "b.yaml": "b", "c/e.yaml": "d", "new.yml": "n"])
        #expect(after["b.yaml"]?.blob == before["b.yaml"]?.blob)
        let restarted = try fixture.repository()
        #expect(try await restarted.files(at: second) == after)
        #expect(try await repository.files(at: first) == before)
    }

    @Test("a file that becomes a folder, and a folder that becomes a file, are followed")
    func fileAndFolderSwap() async throws {
        let first = try fixture.commit(["x.yaml": "file", "y.yaml/in.yaml": "nested"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        _ = try await repository.files(at: first)
        try fixture.git("rm", "--quiet", "-r", "x.yaml", "y.yaml")
        let second = try fixture.commit(["x.yaml/in.yaml": "nested", "y.yaml": "file"])
        _ = try await repository.fetch()
        let files = try await repository.files(at: second)
        #expect(files.mapValues(\.text) == ["x.yaml/in.yaml": "nested", "y.yaml": "file"])
    }

    @Test("a fetch that finds nothing new says so and keeps the commit")
    func unchanged() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        let again = try await repository.fetch()
        #expect(again == GitRevision(commit: commit, reference: "refs/heads/main", previous: commit))
    }

    @Test("uncommitted changes are not seen")
    func workingTree() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        try fixture.write("2", to: "a.yaml")
        try fixture.write("n", to: "new.yaml")
        try fixture.git("add", "new.yaml")
        let repository = try fixture.repository()
        #expect(try await repository.fetch().commit == commit)
        #expect(try await repository.files(at: commit).mapValues(\.text) == ["a.yaml": "1"])
    }

    @Test("a rewritten history is followed and reported; the old commit stays readable")
    func forcePush() async throws {
        let base = try fixture.commit(["a.yaml": "0"])
        let first = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        try fixture.git("reset", "--quiet", "--hard", base)
        let second = try fixture.commit(["a.yaml": "2"])
        let revision = try await repository.fetch()
        #expect(
            revision
                == GitRevision(commit: second, reference: "refs/heads/main", previous: first, isForced: true))
        #expect(try await repository.files(at: first)["a.yaml"]?.text == "1")
        #expect(try await repository.isAncestor(first, of: second) == false)
        #expect(try await repository.fetch().isForced == false)
    }

    @Test("a commit is compared with itself, an older one, a newer one, an unknown one and an abbreviated one")
    func ancestors() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        let second = try fixture.commit(["a.yaml": "2"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        let unknown = String(repeating: "0a", count: 20)
        #expect(try await repository.isAncestor(first, of: second))
        #expect(try await repository.isAncestor(second, of: second))
        #expect(try await repository.isAncestor(String(first.prefix(8)), of: second))
        #expect(try await repository.isAncestor(second, of: first) == false)
        #expect(try await repository.isAncestor(unknown, of: second) == false)
        #expect(try await repository.contains(first))
        #expect(try await repository.contains(unknown) == false)
    }

    @Test(
        "a text that is not a commit id is refused before git sees it",
        arguments: ["--all", "main", "HEAD", "", "a b", "abc", "refs/heads/main"])
    func idsAreChecked(id: String) async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        #expect(
            try await gitError { _ = try await repository.isAncestor(id, of: commit) }?.code == .invalidConfiguration)
        #expect(try await gitError { _ = try await repository.contains(id) }?.code == .invalidConfiguration)
        #expect(try await gitError { _ = try await repository.files(at: id) }?.code == .invalidConfiguration)
    }

    @Test("several fetches at the same time all find the newest commit")
    func concurrentLooks() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        let found = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { try await repository.fetch().commit } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(found == [commit])
    }

    @Test("after a restart, the mirror knows the last commit without the source")
    func lastFetched() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        #expect(try await fixture.repository().lastFetched() == nil)
        _ = try await fixture.repository().fetch()
        try FileManager.default.removeItem(at: fixture.source)
        let restarted = try fixture.repository()
        let known = try await restarted.lastFetched()
        #expect(known == GitRevision(commit: commit, reference: "refs/heads/main"))
        #expect(try await restarted.files(at: commit)["a.yaml"]?.text == "1")
    }

    @Test("another address never uses the mirror of the previous one")
    func otherAddress() async throws {
        try fixture.commit(["a.yaml": "1"])
        _ = try await fixture.repository().fetch()
        let other = try GitFixture()
        let commit = try other.commit(["b.yaml": "2"])
        let repository = try fixture.repository(url: other.source.path)
        #expect(try await repository.lastFetched() == nil)
        #expect(try await repository.fetch().commit == commit)
        #expect(try await repository.files(at: commit).keys.sorted() == ["b.yaml"])
    }

    @Test("a repository with SHA-256 ids is read as well")
    func sha256() async throws {
        try FileManager.default.removeItem(at: fixture.source)
        try GitFixture.run([
            "git", "init", "--quiet", "--object-format=sha256", "--initial-branch=main", fixture.source.path,
        ])
        let commit = try fixture.commit(["a.yaml": "1"])
        #expect(commit.count == 64)
        let repository = try fixture.repository()
        #expect(try await repository.fetch().commit == commit)
        #expect(try await repository.files(at: commit)["a.yaml"]?.text == "1")
    }

    @Test("a bare repository, a file: address and a linked working tree are read")
    func shapes() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let bare = fixture.folder.appending(path: "bare repo.git").path
        try GitFixture.run(["git", "clone", "--quiet", "--bare", fixture.source.path, bare])
        let linked = fixture.folder.appending(path: "linked").path
        try fixture.git("worktree", "add", "--quiet", "--detach", linked)
        let fileURL = "file://" + bare.replacingOccurrences(of: " ", with: "%20")
        for url in [bare, fileURL, linked] {
            #expect(try await fixture.repository(url: url).fetch().commit == commit)
        }
    }

    @Test("a source that is replaced by a shallow copy is followed, with its commits")
    func shallowSource() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        #expect(try await repository.fetch().commit == first)
        let second = try fixture.commit(["a.yaml": "2"])
        let third = try fixture.commit(["a.yaml": "3"])
        let away = fixture.folder.appending(path: "away")
        try FileManager.default.moveItem(at: fixture.source, to: away)
        try GitFixture.run(["git", "clone", "--quiet", "--depth", "1", "file://\(away.path)", fixture.source.path])
        let revision = try await repository.fetch()
        #expect(revision.commit == third)
        #expect(try await repository.files(at: third)["a.yaml"]?.text == "3")
        #expect(try await !repository.isAncestor(second, of: third))
        let fourth = try fixture.commit(["a.yaml": "4"])
        #expect(try await repository.fetch().commit == fourth)
        #expect(try await repository.isAncestor(third, of: fourth))
        #expect(try await repository.files(at: fourth)["a.yaml"]?.text == "4")
    }

    @Test("a source that is cloned again, or rewritten by force, is followed to exactly its commit")
    func rewrittenSource() async throws {
        try fixture.commit(["a.yaml": "1"])
        let second = try fixture.commit(["a.yaml": "2"])
        let repository = try fixture.repository()
        #expect(try await repository.fetch().commit == second)
        try fixture.git("reset", "--quiet", "--hard", "HEAD~1")
        let other = try fixture.commit(["a.yaml": "3"])
        let forced = try await repository.fetch()
        #expect(forced.commit == other && forced.isForced)
        try FileManager.default.removeItem(at: fixture.source)
        try FileManager.default.createDirectory(at: fixture.source, withIntermediateDirectories: true)
        try fixture.git("init", "--quiet", "--initial-branch=main")
        let unrelated = try fixture.commit(["a.yaml": "4"])
        #expect(try await repository.fetch().commit == unrelated)
        #expect(try await repository.files(at: unrelated)["a.yaml"]?.text == "4")
    }

    @Test("git that reports success without fetching is not believed")
    func disobedientGit() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        let real = try GitFixture.run(["which", "git"])
        // Fetches nothing, and reports success.
        let stub = try fixture.script(
            "git",
            "for word; do if [ \"$word\" = fetch ] && [ -e '\(fixture.folder.path)/lazy' ]; then exit 0; fi; done\nexec \(real) \"$@\""
        )
        let path = stub.deletingLastPathComponent().path + ":/usr/bin:/bin"
        let repository = try fixture.repository(environment: ["PATH": path])
        #expect(try await repository.fetch().commit == first)
        let second = try fixture.commit(["a.yaml": "2"])
        try Data().write(to: fixture.folder.appending(path: "lazy"))
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(error.message.contains("git fetched"))
        #expect(try await repository.files(at: first)["a.yaml"]?.text == "1")
        try FileManager.default.removeItem(at: fixture.folder.appending(path: "lazy"))
        #expect(try await repository.fetch().commit == second)
    }
}
