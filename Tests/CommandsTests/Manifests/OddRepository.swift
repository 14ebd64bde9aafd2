import ControlPorts
import Foundation
import GitSource
import ModelManifests
import TestSupport

@testable import Commands

/// A real repository for one odd tree, removed with the value's last use.
final class OddRepository: Sendable {
    let folder: URL
    var path: String { folder.appending(path: "work").path(percentEncoded: false) }
    private var mirror: String { folder.appending(path: "mirror").path(percentEncoded: false) }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "odd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try git("init", "--quiet", "--initial-branch=main")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @discardableResult
    func git(_ arguments: String...) throws -> String {
        try ChildProcess.run(
            ["git", "-C", path] + arguments,
            environment: [
                "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
                "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
            ])
    }

    func write(_ path: String, _ text: String) throws { try write(path, Array(text.utf8)) }

    func write(_ path: String, _ bytes: [UInt8]) throws {
        let file = URL(filePath: self.path).appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: "\(self.path)/\(path)") }

    func link(_ path: String, to target: String) throws {
        try? remove(path)
        try FileManager.default.createSymbolicLink(atPath: "\(self.path)/\(path)", withDestinationPath: target)
    }

    /// A repository of its own in the folder, which git commits as a submodule.
    func makeSubmodule(_ path: String) throws {
        try ChildProcess.run(["git", "-C", "\(self.path)/\(path)", "init", "--quiet", "--initial-branch=main"])
        try ChildProcess.run(["git", "-C", "\(self.path)/\(path)", "add", "--all"])
        try ChildProcess.run([
            "git", "-C", "\(self.path)/\(path)", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit",
            "--quiet", "--allow-empty", "--message", "inner",
        ])
    }

    @discardableResult
    func commit() throws -> String {
        try git("add", "--all")
        try git("commit", "--quiet", "--allow-empty", "--message", "change")
        return try git("rev-parse", "HEAD")
    }

    /// The controller's way to a commit.
    /// - Parameter mirrorOf: the repository in whose state folder the mirror is kept; nil: this one.
    func reader(
        path: String = ".", reference: String = "main", mirrorOf other: OddRepository? = nil
    ) throws -> GitManifests {
        GitManifests(
            repository: GitRepository(
                configuration: try GitConfiguration(
                    url: self.path, reference: reference, path: path, mirrorDirectory: (other ?? self).mirror)))
    }

    /// As after a restart in a pod, whose state folder is empty.
    func loseMirror() throws { try FileManager.default.removeItem(atPath: mirror) }
}
