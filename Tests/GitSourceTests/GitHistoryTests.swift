import Foundation
import ModelManifests
import Testing

@testable import GitSource

@Suite("What a removal needs to know of a repository")
struct GitHistoryTests {
    let fixture: GitFixture

    init() throws { fixture = try GitFixture() }

    @Test("a commit follows its ancestors, and says what it does not know")
    func descent() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        let second = try fixture.commit(["a.yaml": "2"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        #expect(try await repository.descent(of: second, from: first) == .follows)
        #expect(try await repository.descent(of: second, from: second) == .follows)
        try fixture.git("reset", "--quiet", "--hard", first)
        let rewritten = try fixture.commit(["a.yaml": "3"])
        _ = try await repository.fetch()
        #expect(try await repository.descent(of: rewritten, from: second) == .diverged)
        try fixture.git("checkout", "--quiet", "--orphan", "apart")
        let apart = try fixture.commit(["b.yaml": "1"])
        try fixture.git("branch", "--quiet", "-f", "main", apart)
        _ = try await repository.fetch()
        #expect(try await repository.descent(of: apart, from: rewritten) == .unrelated)
        for unknown in [String(repeating: "0a", count: 20), "c1", ""] {
            #expect(try await repository.descent(of: apart, from: unknown) == .missing)
        }
    }

    @Test("a shallow source cannot say that two commits are unrelated")
    func shallow() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        let second = try fixture.commit(["a.yaml": "2"])
        let shallow = fixture.folder.appending(path: "shallow").path
        try GitFixture.run(["git", "clone", "--quiet", "--depth", "1", "file://\(fixture.source.path)", shallow])
        let repository = try fixture.repository(url: shallow)
        _ = try await repository.fetch()
        #expect(try await repository.descent(of: second, from: first) == .cutOff)
        // Then the source gets all of its history, and with it the answer.
        try GitFixture.run(["git", "-C", shallow, "fetch", "--quiet", "--unshallow"])
        _ = try await repository.fetch()
        #expect(try await repository.descent(of: second, from: first) == .follows)
    }

    @Test("files are read wherever they are, by their exact names")
    func files() async throws {
        let commit = try fixture.commit([
            "deploy/a.yaml": "1", "other/b.yaml": "2", "other/[b].yaml": "3", "other/c d.yaml": "4", "notes.txt": "5",
        ])
        let repository = try fixture.repository(path: "deploy")
        _ = try await repository.fetch()
        let wanted: Set = [
            "other/b.yaml", "other/[b].yaml", "other/c d.yaml", "other/none.yaml", "other", "notes.txt", "*",
        ]
        #expect(
            try await repository.files(wanted, in: commit).mapValues(\.text)
                == ["other/b.yaml": "2", "other/[b].yaml": "3", "other/c d.yaml": "4"])
        #expect(try await repository.files([], in: commit).isEmpty)
    }
}
