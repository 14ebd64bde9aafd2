import Foundation
import TestSupport

@testable import GitSource

/// A real git repository in a temporary folder, which is removed with the fixture.
final class GitFixture {
    let folder: URL
    var source: URL { folder.appending(path: "source") }
    var mirror: URL { folder.appending(path: "state/mirror") }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "git-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
        try git("init", "--quiet", "--initial-branch=main")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @discardableResult
    func git(_ arguments: String...) throws -> String { try Self.run(["git", "-C", source.path] + arguments) }

    @discardableResult
    static func run(_ command: [String]) throws -> String {
        try ChildProcess.run(
            command,
            environment: [
                "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
                "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            ])
    }

    func write(_ text: String, to path: String) throws { try write(Data(text.utf8), to: path) }

    func write(_ data: Data, to path: String) throws {
        let file = source.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file)
    }

    /// - Returns: the commit's id.
    @discardableResult
    func commit(_ files: [String: String] = [:], message: String = "change") throws -> String {
        for (path, text) in files { try write(text, to: path) }
        try git("add", "--all")
        try git("commit", "--quiet", "--allow-empty", "--message", message)
        return try git("rev-parse", "HEAD")
    }

    func repository(
        url: String? = nil, reference: String = "main", path: String = ".", timeouts: GitTimeouts = GitTimeouts(),
        environment: [String: String] = [:]
    ) throws -> GitRepository {
        try repository(
            url: url, at: GitReference(reference), path: path, timeouts: timeouts, environment: environment)
    }

    func repository(
        url: String? = nil, at reference: GitReference, path: String = ".", credentials: GitCredentialSource? = nil,
        timeouts: GitTimeouts = GitTimeouts(), limits: GitLimits = GitLimits(), environment: [String: String] = [:]
    ) throws -> GitRepository {
        GitRepository(
            configuration: try GitConfiguration(
                url: url ?? source.path, reference: reference, path: path, mirrorDirectory: mirror.path,
                credentials: credentials, timeouts: timeouts, limits: limits,
                environment: ProcessInfo.processInfo.environment.merging(environment) { $1 }))
    }

    /// A bare copy for a server, in its own folder.
    func publish(as name: String = "repo.git") throws -> URL {
        let root = folder.appending(path: "www")
        let bare = root.appending(path: name)
        try? FileManager.default.removeItem(at: bare)
        try Self.run(["git", "clone", "--quiet", "--bare", source.path, bare.path])
        try Self.run(["git", "--git-dir", bare.path, "config", "uploadpack.allowFilter", "true"])
        return root
    }

    /// All bytes and names of all files that were written for the mirror.
    func writtenState() throws -> [UInt8] {
        let state = folder.appending(path: "state")
        var bytes: [UInt8] = []
        let walk = FileManager.default.enumerator(atPath: state.path)
        for case let name as String in walk ?? FileManager.DirectoryEnumerator() {
            bytes += Array("\(name)\n".utf8)
            bytes += FileManager.default.contents(atPath: state.appending(path: name).path).map(Array.init) ?? []
        }
        return bytes
    }

    /// An executable script in its own folder.
    func script(_ name: String, _ body: String) throws -> URL {
        let bin = folder.appending(path: "bin")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        let file = bin.appending(path: name)
        try Data("#!/bin/sh\n\(body)\n".utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        return file
    }
}

/// The `GitError` that the body throws; nil if it throws none.
func gitError(_ body: () async throws -> Void) async throws -> GitError? {
    do {
        try await body()
        return nil
    } catch let error as GitError {
        return error
    }
}
