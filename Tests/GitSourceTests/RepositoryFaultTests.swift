import Foundation
import Testing

@testable import GitSource

/// Whatever happens to the source or the mirror, what was read stays readable, and the error says what to do.
struct RepositoryFaultTests {
    let fixture: GitFixture

    init() throws { fixture = try GitFixture() }

    @Test("a repository without branches, a missing branch and a missing repository give different errors")
    func whatIsMissing() async throws {
        let repository = try fixture.repository()
        let empty = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(empty.code == .repositoryEmpty)
        try fixture.commit(["a.yaml": "1"])
        let other = try fixture.repository(reference: "mian")
        let missing = try #require(try await gitError { _ = try await other.fetch() })
        #expect(missing.code == .referenceNotFound)
        #expect(missing.message.contains("It has main"))
        for url in ["/nowhere/at/all", fixture.folder.path] {
            let nowhere = try fixture.repository(url: url)
            let absent = try #require(try await gitError { _ = try await nowhere.fetch() })
            #expect(absent.code == .repositoryNotFound)
            #expect(absent.retryClass == .waiting)
        }
    }

    @Test("a folder inside a repository is not taken for the repository")
    func innerFolder() async throws {
        try fixture.commit(["deploy/a.yaml": "1"])
        let repository = try fixture.repository(url: fixture.source.appending(path: "deploy").path)
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .repositoryNotFound)
    }

    @Test("a source that was deleted, emptied or lost its branch keeps the commit that was read")
    func sourceLost() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        try fixture.git("checkout", "--quiet", "-b", "other")
        try fixture.git("branch", "--quiet", "-D", "main")
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .referenceNotFound)
        try FileManager.default.removeItem(at: fixture.source)
        try GitFixture.run(["git", "init", "--quiet", "--initial-branch=main", fixture.source.path])
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .repositoryEmpty)
        try FileManager.default.removeItem(at: fixture.source)
        #expect(try await gitError { _ = try await repository.fetch() }?.code == .repositoryNotFound)
        #expect(try await repository.files(at: commit)["a.yaml"]?.text == "1")
        #expect(try await repository.isAncestor(commit, of: commit))
        #expect(try await repository.lastFetched()?.commit == commit)
    }

    @Test("a source that comes back is read again")
    func sourceBack() async throws {
        try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        let away = fixture.folder.appending(path: "away")
        try FileManager.default.moveItem(at: fixture.source, to: away)
        #expect(try await gitError { _ = try await repository.fetch() } != nil)
        try FileManager.default.moveItem(at: away, to: fixture.source)
        let second = try fixture.commit(["a.yaml": "2"])
        #expect(try await repository.fetch().commit == second)
    }

    @Test("a damaged source is reported, and its last whole commit stays readable")
    func damagedSource() async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        let repository = try fixture.repository()
        _ = try await repository.fetch()
        try fixture.commit(["a.yaml": "2"])
        let blob = try fixture.git("rev-parse", "HEAD:a.yaml")
        let object = fixture.source.appending(path: ".git/objects/\(blob.prefix(2))/\(blob.dropFirst(2))")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: object.path)
        try Data("no object".utf8).write(to: object)
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(error.code == .damaged)
        #expect(error.message.contains("git fsck"))
        #expect(try await repository.files(at: first)["a.yaml"]?.text == "1")
    }

    enum Harm: CaseIterable {
        case packOverwritten, packDeleted, objectsDeleted, headOverwritten, lockLeft, mirrorDeleted
    }

    @Test("a damaged mirror is cloned again from the source", arguments: Harm.allCases)
    func damagedMirror(harm: Harm) async throws {
        let first = try fixture.commit(["a.yaml": "1"])
        _ = try await fixture.repository().fetch()
        try inflict(harm, commit: first)
        let repository = try fixture.repository()
        let second = try fixture.commit(["b.yaml": "2"])
        #expect(try await repository.fetch().commit == second)
        #expect(try await repository.files(at: second).mapValues(\.text) == ["a.yaml": "1", "b.yaml": "2"])
        #expect(try await repository.files(at: first)["a.yaml"]?.text == "1")
    }

    private func inflict(_ harm: Harm, commit: String) throws {
        let files = FileManager.default
        let folder = fixture.mirror.appending(path: "objects/pack")
        let pack = try #require(files.contentsOfDirectory(atPath: folder.path).first { $0.hasSuffix(".pack") })
        switch harm {
        case .packOverwritten:
            let path = folder.appending(path: pack).path
            try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
            try Data("no pack".utf8).write(to: URL(fileURLWithPath: path))
        case .packDeleted: try files.removeItem(at: folder.appending(path: pack))
        case .objectsDeleted: try files.removeItem(at: fixture.mirror.appending(path: "objects"))
        case .headOverwritten: try Data("nonsense".utf8).write(to: fixture.mirror.appending(path: "HEAD"))
        case .lockLeft: try Data().write(to: fixture.mirror.appending(path: "refs/mlctl/heads/main.lock"))
        case .mirrorDeleted: try files.removeItem(at: fixture.mirror)
        }
    }

    @Test("a mirror that is damaged while the source is unreachable is reported, and heals when the source is back")
    func damagedMirrorWithoutSource() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        _ = try await fixture.repository().fetch()
        try FileManager.default.removeItem(at: fixture.mirror.appending(path: "objects"))
        let away = fixture.folder.appending(path: "away")
        try FileManager.default.moveItem(at: fixture.source, to: away)
        let repository = try fixture.repository()
        #expect(try await gitError { _ = try await repository.files(at: commit) }?.code == .repositoryNotFound)
        try FileManager.default.moveItem(at: away, to: fixture.source)
        #expect(try await repository.files(at: commit)["a.yaml"]?.text == "1")
    }

    @Test(
        "a file that is too large, a link, a submodule and a binary file each have their own problem; the others are read"
    )
    func unreadableFiles() async throws {
        try fixture.write(Data(repeating: UInt8(ascii: "#"), count: BlobReader.maximumFileBytes), to: "just.yaml")
        try fixture.write(Data(repeating: UInt8(ascii: "#"), count: BlobReader.maximumFileBytes + 1), to: "huge.yaml")
        try fixture.write(Data([0x61, 0xFF, 0xFE, 0x62]), to: "binary.yaml")
        try fixture.write("", to: "empty.yaml")
        try FileManager.default.createSymbolicLink(
            atPath: fixture.source.appending(path: "link.yaml").path, withDestinationPath: "empty.yaml")
        let first = try fixture.commit(["good.yaml": "näive: ✓\n"])
        try fixture.git("update-index", "--add", "--cacheinfo", "160000,\(first),sub.yaml")
        try fixture.git("commit", "--quiet", "--message", "submodule")
        let repository = try fixture.repository()
        let files = try await repository.files(at: repository.fetch().commit)
        #expect(files["good.yaml"]?.text == "näive: ✓\n")
        #expect(files["empty.yaml"]?.text == "")
        #expect(files["just.yaml"]?.text?.utf8.count == BlobReader.maximumFileBytes)
        #expect(
            files.compactMapValues(\.obstacle?.kind) == [
                "binary.yaml": .otherEncoding, "huge.yaml": .tooLarge, "link.yaml": .symbolicLink,
                "sub.yaml": .submodule,
            ])
    }

    @Test("a path that a commit does not have is an obstacle, also if it had it before")
    func missingPath() async throws {
        let repository = try fixture.repository(path: "deploy/models")
        try fixture.commit(["deploy/models/a.yaml": "1", "b.yaml": "2"])
        #expect(try await repository.files(at: repository.fetch().commit).keys.sorted() == ["deploy/models/a.yaml"])
        try FileManager.default.removeItem(at: fixture.source.appending(path: "deploy"))
        try fixture.commit()
        let files = try await repository.files(at: repository.fetch().commit)
        #expect(files.mapValues(\.obstacle?.kind) == ["deploy/models": .missingFolder])
        try fixture.commit(["deploy/models/README.md": "nothing here"])
        #expect(try await repository.files(at: repository.fetch().commit) == [:])
    }

    @Test(
        "a folder that becomes a submodule or a link is an obstacle, in an increment as in a whole listing",
        arguments: [false, true])
    func replacedFolder(afterRestart: Bool) async throws {
        let first = try fixture.commit(["models/a.yaml": "1", "models/b.yaml": "2", "c.yaml": "3"])
        var repository = try fixture.repository()
        _ = try await repository.files(at: repository.fetch().commit)
        try FileManager.default.removeItem(at: fixture.source.appending(path: "models"))
        try fixture.commit()
        try fixture.git("update-index", "--add", "--cacheinfo", "160000,\(first),models")
        try fixture.git("commit", "--quiet", "--message", "submodule")
        if afterRestart { repository = try fixture.repository() }
        let files = try await repository.files(at: repository.fetch().commit)
        #expect(files.compactMapValues(\.obstacle?.kind) == ["models": .submodule])
        #expect(files.keys.sorted() == ["c.yaml", "models"])
        try fixture.git("rm", "--quiet", "--cached", "models")
        try FileManager.default.createSymbolicLink(
            atPath: fixture.source.appending(path: "models").path, withDestinationPath: "elsewhere")
        try fixture.commit()
        let linked = try await repository.files(at: repository.fetch().commit)
        #expect(linked.compactMapValues(\.obstacle?.kind) == ["models": .symbolicLink])
    }

    @Test("ignored files are not read, also when only the rules change, and rules above the path count")
    func ignored() async throws {
        let repository = try fixture.repository(path: "deploy")
        try fixture.commit(["deploy/a.yaml": "1", "deploy/vendor/b.yaml": "2", "deploy/vendor/keep.yaml": "3"])
        func names() async throws -> [String] {
            try await repository.files(at: repository.fetch().commit).keys.sorted()
        }
        #expect(try await names() == ["deploy/a.yaml", "deploy/vendor/b.yaml", "deploy/vendor/keep.yaml"])
        try fixture.commit([".mlctlignore": "vendor/*\n", "deploy/.mlctlignore": "!/vendor/keep.yaml\n"])
        #expect(try await names() == ["deploy/a.yaml", "deploy/vendor/b.yaml", "deploy/vendor/keep.yaml"])
        try fixture.commit([".mlctlignore": "deploy/vendor/*\n"])
        #expect(try await names() == ["deploy/a.yaml", "deploy/vendor/keep.yaml"])
        try fixture.commit(["deploy/vendor/c.yaml": "4", "deploy/d.yaml": "5"])
        #expect(try await names() == ["deploy/a.yaml", "deploy/d.yaml", "deploy/vendor/keep.yaml"])
    }

    @Test("names that differ only in how a letter is composed are two files")
    func composedNames() async throws {
        let names = ["caf\u{E9}.yaml", "cafe\u{301}.yaml"]
        for (index, name) in names.enumerated() { try fixture.write("\(index)", to: name) }
        try fixture.commit()
        let repository = try fixture.repository()
        let files = try await repository.files(at: repository.fetch().commit)
        #expect(files.values.compactMap(\.text).sorted() == ["0", "1"])
    }

    @Test("a git process that hangs is stopped with all its children, and the call ends")
    func slowGit() async throws {
        try fixture.commit(["a.yaml": "1"])
        let pids = fixture.folder.appending(path: "pids")
        let slow = try fixture.script("git", "sleep 300 &\necho $$ $! > '\(pids.path)'\nwait")
        let path = slow.deletingLastPathComponent().path + ":/usr/bin:/bin"
        let repository = try fixture.repository(
            timeouts: GitTimeouts(look: .milliseconds(700)), environment: ["PATH": path])
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(error.code == .timedOut)
        #expect(error.retryClass == .transient)
        let started = try String(contentsOf: pids, encoding: .utf8).split(whereSeparator: \.isWhitespace)
        #expect(started.count == 2)
        for pid in started {
            try await eventually { !Self.isRunning(String(pid)) }
        }
    }

    @Test("a cancelled fetch ends its git process, and the next fetch can run")
    func cancelled() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        let started = fixture.folder.appending(path: "started")
        let slow = try fixture.script(
            "git",
            "if [ -e '\(started.path)' ]; then exec /usr/bin/git \"$@\"; fi\ntouch '\(started.path)'\nexec sleep 300")
        let path = slow.deletingLastPathComponent().path + ":/usr/bin:/bin"
        let repository = try fixture.repository(environment: ["PATH": path])
        let look = Task { try await repository.fetch() }
        try await eventually { FileManager.default.fileExists(atPath: started.path) }
        look.cancel()
        await #expect(throws: CancellationError.self) { try await look.value }
        #expect(try await repository.fetch().commit == commit)
    }

    @Test("a missing git program is reported")
    func noGit() async throws {
        let repository = try fixture.repository(environment: ["PATH": fixture.folder.path])
        let error = try #require(try await gitError { _ = try await repository.fetch() })
        #expect(error.code == .gitMissing)
        #expect(error.retryClass == .terminal)
    }

    @Test("hooks and settings of the source are not used")
    func hostileSource() async throws {
        let trap = fixture.folder.appending(path: "sprung")
        let hook = try fixture.script("hook", "touch '\(trap.path)'")
        try fixture.commit(["a.yaml": "1"])
        for key in ["uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand", "core.askPass"] {
            try fixture.git("config", key, hook.path)
        }
        _ = try await fixture.repository().fetch()
        #expect(!FileManager.default.fileExists(atPath: trap.path))
    }

    @Test("a repository of another owner is read", .enabled(if: geteuid() == 0))
    func otherOwner() async throws {
        let commit = try fixture.commit(["a.yaml": "1"])
        try GitFixture.run(["chown", "-R", "65534:65534", fixture.source.path])
        #expect(try await fixture.repository().fetch().commit == commit)
    }

    private static func isRunning(_ pid: String) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
        return !status.contains(") Z ")
    }
}

/// Polls a condition for at most ten seconds.
func eventually(_ condition: () throws -> Bool) async throws {
    for _ in 0..<1000 {
        if try condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw NeverCameTrue()
}

struct NeverCameTrue: Error {}
