import Foundation
import Subprocess

/// The folder that `mlctl init` makes into a git repository. It never changes a file that exists.
struct ModelRepositoryFolder {
    static let gitLimit: Duration = .seconds(20)

    let url: URL

    private var path: String { url.path(percentEncoded: false) }

    /// - Throws: `CommandFailure` if one of the files exists, or if the folder has other files and is no repository.
    func requireRoom(for files: some Collection<String>) throws {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: path, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else { throw CommandFailure(.failed, "\(path) is a file; give a folder") }
        let taken = files.filter { manager.fileExists(atPath: url.appending(path: $0).path(percentEncoded: false)) }
        guard taken.isEmpty else {
            throw CommandFailure(
                .failed,
                "\(path) already has \(taken.sorted().joined(separator: ", ")), and mlctl init changes no file that exists; give "
                    + "another folder or --name")
        }
        let present = try manager.contentsOfDirectory(atPath: path)
        guard present.isEmpty || present.contains(".git") else {
            throw CommandFailure(
                .failed, "\(path) has files and is no git repository; give another folder, or run git init there")
        }
    }

    /// - Parameter files: texts by path.
    /// - Returns: the commit's id.
    func commit(_ files: [String: String], message: String) async throws -> String {
        do {
            for (name, text) in files {
                let file = url.appending(path: name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                // Fails if somebody has created it since.
                try Data(text.utf8).write(to: file, options: .withoutOverwriting)
            }
        } catch {
            throw CommandFailure(.failed, "\(path) cannot be written: \(error.localizedDescription)")
        }
        if !FileManager.default.fileExists(atPath: url.appending(path: ".git").path(percentEncoded: false)) {
            try await git("init", "--quiet", "--initial-branch=main")
        }
        try await git(["add", "--"] + files.keys.sorted())
        // For people who have not told git their name.
        let identity =
            try await hasIdentity() ? [] : ["-c", "user.name=mlctl init", "-c", "user.email=mlctl@localhost"]
        try await git(identity + ["commit", "--quiet", "--message", message, "--"] + files.keys.sorted())
        return try await git("rev-parse", "HEAD")
    }

    /// The branch that is checked out.
    func branch() async throws -> String { try await git("symbolic-ref", "--short", "HEAD") }

    private func hasIdentity() async throws -> Bool {
        do {
            try await git("config", "user.email")
            return true
        } catch is CommandFailure {
            return false
        }
    }

    @discardableResult
    private func git(_ arguments: String...) async throws -> String { try await git(arguments) }

    @discardableResult
    private func git(_ arguments: [String]) async throws -> String {
        let call = ["-C", path] + arguments
        let result = try await withThrowingTaskGroup(of: (Bool, String, String)?.self) { group in
            group.addTask {
                let result = try await Subprocess.run(
                    .name("git"), arguments: Arguments(call),
                    environment: .inherit.updating(["GIT_TERMINAL_PROMPT": "0"]),
                    output: .string(limit: 65536), error: .string(limit: 65536))
                return (result.terminationStatus.isSuccess, result.standardOutput, result.standardError)
            }
            group.addTask {
                try await Task.sleep(for: Self.gitLimit)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let (isSuccess, output, errors) = result else {
            throw CommandFailure(.failed, "git \(arguments.first ?? "") took longer than \(Self.gitLimit)")
        }
        guard isSuccess else {
            throw CommandFailure(
                .failed,
                "git \(arguments.joined(separator: " ")) failed: \(errors.trimmingCharacters(in: .whitespacesAndNewlines))"
            )
        }
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
