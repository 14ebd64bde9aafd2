import Foundation
import ModelManifests

/// A repository on this machine, read where it is: nothing is fetched, and nothing is written to it.
package struct LocalRepository: Sendable {
    /// Its working tree.
    package let folder: String
    /// The given file or folder within it; empty for all of it.
    package let place: String
    private let reader: GitRepository

    private static let limit: Duration = .seconds(20)

    /// - Parameters:
    ///   - path: a file or a folder. One that is not there any more may still be in a commit.
    ///   - scratch: an empty folder that nothing else uses, and that the caller removes.
    /// - Returns: nil where the path is in no repository.
    /// - Throws: `GitError`, such as where git is missing; `CancellationError`.
    package init?(around path: String, scratch: URL) async throws {
        let location = try GitLocation(path)
        let (here, missing) = Self.nearestFolder(location.address)
        let git = GitProgram(
            environment: GitEnvironment(inherited: ProcessInfo.processInfo.environment, location: location),
            location: location)
        guard var found = try await Self.find(around: here, by: git) else { return nil }
        // A submodule is a part of the repository that one stands in.
        if let outer = found.outer,
            let current = try await Self.find(around: FileManager.default.currentDirectoryPath, by: git),
            current.folder == outer, found.folder.hasPrefix(outer + "/")
        {
            let inner = String(found.folder.dropFirst(outer.count + 1))
            found = (
                outer, current.objects, [inner, found.prefix].filter { !$0.isEmpty }.joined(separator: "/"), nil
            )
        }
        folder = found.folder
        place = ([found.prefix] + missing).filter { !$0.isEmpty }.joined(separator: "/")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        // Commits are read by their ids, and no reference is used. They are read by the code that reads the controller's mirror: its
        // objects are those of the repository.
        try FileManager.default.createSymbolicLink(
            atPath: scratch.appending(path: GitMirror.readerName).path, withDestinationPath: found.objects)
        reader = GitRepository(
            configuration: try GitConfiguration(
                url: folder, reference: "main", path: "", mirrorDirectory: scratch.path))
    }

    /// The folder that a path is, or the nearest one above it, and the names from there to the path.
    private static func nearestFolder(_ path: String) -> (folder: String, rest: [String]) {
        var (folder, rest) = (URL(filePath: path), [String]())
        var isFolder: ObjCBool = false
        while folder.path != "/",
            !FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) || !isFolder.boolValue
        {
            rest.insert(folder.lastPathComponent, at: 0)
            folder.deleteLastPathComponent()
        }
        return (folder.path, rest)
    }

    /// The repository around a folder.
    ///
    /// - Returns: its top, where its objects are, the folder within it, and the top of the one whose submodule it is; nil where
    ///   there is none.
    private static func find(
        around folder: String, by git: GitProgram
    ) async throws -> (folder: String, objects: String, prefix: String, outer: String?)? {
        let output = try await git.run(
            [
                "-C", folder, "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir",
                "--show-prefix", "--show-superproject-working-tree",
            ], timeout: limit, task: "Finding the repository")
        let lines = output.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard output.isSuccess, lines.count >= 3 else { return nil }
        let outer = lines.count > 3 && !lines[3].isEmpty ? lines[3] : nil
        return (lines[0], lines[1], lines[2].split(separator: "/").joined(separator: "/"), outer)
    }

    /// The commit that a name such as `HEAD~1` or `origin/main` has here.
    ///
    /// - Throws: `GitError` with `referenceNotFound`.
    package func commit(_ name: String) async throws -> String {
        let id = try await read(["rev-parse", "--verify", "--quiet", "--end-of-options", "\(name)^{commit}"])
        guard let id, GitReference.isObjectID(id) else {
            throw GitError(
                .referenceNotFound,
                "'\(name)' is not a commit of \(folder). In CI, fetch it first (actions/checkout: 'fetch-depth: 0').")
        }
        return id
    }

    /// The commit at which two histories parted; nil where they have none in common.
    package func mergeBase(_ first: String, _ second: String) async throws -> String? {
        try await read(["merge-base", "--end-of-options", first, second])
    }

    package func contains(_ commit: String) async throws -> Bool { try await reader.contains(commit) }

    /// How a commit follows another one that this repository has.
    package func descent(of commit: String, from earlier: String) async throws -> CommitDescent {
        try await reader.descent(of: commit, from: earlier)
    }

    /// The manifest files of a commit, by their path within the repository.
    ///
    /// - Parameter path: the folder or file that is read; empty for all.
    package func files(at commit: String, below path: String) async throws -> [String: ManifestFile] {
        var configuration = reader.configuration
        configuration.path = path
        return try await GitRepository(configuration: configuration).files(at: commit)
    }

    private func read(_ arguments: [String]) async throws -> String? {
        let output = try await reader.git.run(
            ["-C", folder] + arguments, timeout: Self.limit, task: "Reading the repository")
        let text = output.text.trimmingCharacters(in: .whitespacesAndNewlines)
        return output.isSuccess && !text.isEmpty ? text : nil
    }
}
