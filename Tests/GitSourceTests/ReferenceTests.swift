import Foundation
import Testing

@testable import GitSource

/// Branches, tags and version ranges, with real git.
struct ReferenceTests {
    let fixture: GitFixture

    init() throws { fixture = try GitFixture() }

    @Test("a range follows the highest tag in it, annotated or not, and falls back when that is deleted")
    func semver() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        try fixture.git("tag", "v1.2.0")
        let repository = try fixture.repository(at: GitReference(semver: "^1"))
        #expect(try await repository.fetch() == GitRevision(commit: first, reference: "refs/tags/v1.2.0"))
        let second = try fixture.commit(["a.yaml": "2"])
        try fixture.git("tag", "--annotate", "1.10.0", "--message", "ten")
        try fixture.git("tag", "v2.0.0")
        try fixture.git("tag", "v1.11.0-rc.1")
        let found = try await repository.fetch()
        #expect(found.commit == second && found.reference == "refs/tags/1.10.0")
        #expect(!found.isForced && found.previous == first)
        #expect(try await repository.files(at: second)["a.yaml"]?.text == "2")
        try fixture.git("tag", "--delete", "1.10.0")
        let back = try await repository.fetch()
        #expect(back.commit == first && !back.isForced)
    }

    @Test("without the source, the last fetched tag of a range is known")
    func semverOffline() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        try fixture.git("tag", "v1.2.0")
        _ = try await fixture.repository(at: GitReference(semver: "1.x")).fetch()
        try FileManager.default.removeItem(at: fixture.source)
        let repository = try fixture.repository(at: GitReference(semver: "1.x"))
        #expect(try await gitError { _ = try await repository.fetch() } != nil)
        #expect(try await repository.lastFetched()?.commit == commit)
        #expect(try await fixture.repository(at: GitReference(semver: "2.x")).lastFetched() == nil)
    }

    @Test("a range without a matching tag lists the tags that exist")
    func semverMissing() async throws {
        try fixture.commit()
        let repository = try fixture.repository(at: GitReference(semver: "^3"))
        let none = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(none.code == .referenceNotFound && none.message.contains("none of its 0 tags"))
        try fixture.git("tag", "v1.2.0")
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(error.message.contains("'^3'") && error.message.contains("1.2.0"))
    }

    @Test("a branch is not read as a tag with its name, nor a tag as a branch")
    func kinds() async throws {
        let tagged = try fixture.commit(["a.yaml": "1"])
        try fixture.git("tag", "release")
        let branched = try fixture.commit(["a.yaml": "2"])
        try fixture.git("branch", "release")
        #expect(try await fixture.repository(at: GitReference(tag: "release")).fetch().commit == tagged)
        #expect(try await fixture.repository(at: GitReference(branch: "release")).fetch().commit == branched)
        #expect(try await fixture.repository(at: GitReference(commit: tagged)).fetch().commit == tagged)
        let missing = try fixture.repository(at: GitReference(tag: "main"))
        let error = try #require(try await gitError { _ = try await missing.fetch() })
        #expect(error.message.contains("no tag 'main'") && error.message.contains("release"))
    }

    @Test(
        "names that could be options, or that look valid only to Swift, are refused",
        arguments: ["-x", "--all", "a/\u{301}/", "a\u{9B}b"])
    func refused(name: String) {
        #expect(throws: GitError.self) { try GitReference(branch: name) }
        #expect(throws: GitError.self) { try GitReference(tag: name) }
        #expect(throws: GitError.self) { try GitReference(commit: name) }
    }
}
