import Foundation
import Presentation
import Subprocess

/// The folder that `mlctl init` makes into a git repository. It never changes a file that exists.
struct ModelRepositoryFolder {
    static let gitLimit: Duration = .seconds(60)

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

    /// If it fails, what it has written is removed, so that the same command can be tried again.
    ///
    /// - Parameter files: texts by path.
    /// - Returns: the commit's id.
    func commit(_ files: [String: String], message: String) async throws -> String {
        let manager = FileManager.default
        let isNewFolder = !manager.fileExists(atPath: path)
        let isNewRepository = !isRepository
        var written: [URL] = []
        do {
            try write(files, &written)
            if isNewRepository { try await git("init", "--quiet", "--initial-branch=\(FirstRepository.usualBranch)") }
            try await git(["add", "--"] + files.keys.sorted())
            // For people who have not told git their name.
            let identity =
                try await hasIdentity() ? [] : ["-c", "user.name=mlctl init", "-c", "user.email=mlctl@localhost"]
            try await git(identity + ["commit", "--quiet", "--message", message, "--"] + files.keys.sorted())
            return try await git("rev-parse", "HEAD")
        } catch {
            if isNewRepository {
                try? manager.removeItem(at: url.appending(path: ".git"))
            } else {
                _ = try? await git(["reset", "--quiet", "--"] + files.keys.sorted())
            }
            for file in written { remove(file) }
            if isNewFolder { removeIfEmpty(url) }
            throw error
        }
    }

    private func write(_ files: [String: String], _ written: inout [URL]) throws {
        do {
            for (name, text) in files {
                let file = url.appending(path: name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                // Fails if somebody has created it since.
                try Data(text.utf8).write(to: file, options: .withoutOverwriting)
                written.append(file)
            }
        } catch {
            throw CommandFailure(.failed, "\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// With the folders above it, as far as they are empty.
    private func remove(_ file: URL) {
        try? FileManager.default.removeItem(at: file)
        var folder = file.deletingLastPathComponent()
        while folder.path.count > url.path.count, removeIfEmpty(folder) { folder.deleteLastPathComponent() }
    }

    @discardableResult
    private func removeIfEmpty(_ folder: URL) -> Bool {
        guard (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.isEmpty == true else { return false }
        return (try? FileManager.default.removeItem(at: folder)) != nil
    }

    private var isRepository: Bool {
        FileManager.default.fileExists(atPath: url.appending(path: ".git").path(percentEncoded: false))
    }

    /// The branch that is checked out, or will be.
    ///
    /// - Throws: `CommandFailure` if there is none, or no git.
    func branch() async throws -> String {
        guard isRepository else {
            try await git("--version")
            return FirstRepository.usualBranch
        }
        do {
            return try await git("symbolic-ref", "--short", "HEAD")
        } catch is CommandFailure {
            throw CommandFailure(.failed, "no branch is checked out in \(path); git switch to the one that is to serve")
        }
    }

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
        // Without a folder yet, only git itself is asked.
        let call = FileManager.default.fileExists(atPath: path) ? ["-C", path] + arguments : arguments
        let result: (Bool, String, String)?
        do {
            result = try await run(call)
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw CommandFailure(.failed, "there is no git on the PATH; install it")
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

    /// - Returns: nil if git did not end in time.
    private func run(_ call: [String]) async throws -> (Bool, String, String)? {
        try await withThrowingTaskGroup(of: (Bool, String, String)?.self) { group in
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
    }
}
