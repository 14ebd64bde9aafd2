import Foundation

/// Asks the source what a reference means now. One process where the repository is on this machine.
struct RemoteLook: Sendable {
    /// Named in a message when the wanted one is missing.
    static let maximumSuggestions = 5

    let git: GitProgram
    let timeout: Duration

    /// - Throws: `GitError`: `referenceNotFound`, `repositoryEmpty`, `repositoryNotFound` and what a network brings.
    func find(_ reference: GitReference) async throws -> WantedObject {
        guard case .named(let name) = reference else { return WantedObject(reference: nil, id: reference.description) }
        let candidates = reference.candidates
        let found = try await references(candidates)
        for candidate in candidates {
            if let id = found[candidate] { return WantedObject(reference: candidate, id: id) }
        }
        throw try await missing(name)
    }

    private func missing(_ name: String) async throws -> GitError {
        let all = try await references(["refs/heads/"]).keys.filter { $0.hasPrefix("refs/heads/") }
        guard !all.isEmpty else {
            return GitError(.repositoryEmpty, "\(git.location) has no branches. Push '\(name)' to it.")
        }
        let names = all.sorted().prefix(Self.maximumSuggestions).map { $0.dropFirst("refs/heads/".count) }
        let more = all.count > names.count ? ", …" : ""
        return GitError(
            .referenceNotFound,
            "\(git.location) has no branch or tag '\(name)'. It has \(names.joined(separator: ", "))\(more).")
    }

    private func references(_ patterns: [String]) async throws -> [String: String] {
        let task = "Reading the branches"
        let arguments: [String]
        if git.location.transport == .file {
            let directory = try gitDirectory()
            arguments = ["--git-dir=\(directory)", "for-each-ref", "--format=%(objectname)%09%(refname)"] + patterns
        } else {
            // Patterns of ls-remote match whole parts from the end, so 'refs/heads/' wants its star.
            arguments =
                ["ls-remote", "--refs", "--quiet", "--", git.location.address]
                + patterns.map { $0.hasSuffix("/") ? $0 + "*" : $0 }
        }
        let output = try await git.run(arguments, timeout: timeout, task: task)
        guard output.isSuccess else {
            if git.location.transport == .file, output.errors.contains("not a git repository") { throw noRepository() }
            throw GitFailure.error(in: output.errors, doing: task, from: git.location)
        }
        return output.bytes.split(separator: UInt8(ascii: "\n")).reduce(into: [:]) { result, line in
            let fields = line.split(separator: UInt8(ascii: "\t")).map { String(decoding: $0, as: UTF8.self) }
            if fields.count == 2, GitReference.isObjectID(fields[0]) { result[fields[1]] = fields[0] }
        }
    }

    /// The repository of a working tree, or the bare one itself. git is never left to look in the folders above.
    private func gitDirectory() throws -> String {
        let path = git.location.address
        guard FileManager.default.fileExists(atPath: path) else { throw noRepository() }
        let inner = path + "/.git"
        return FileManager.default.fileExists(atPath: inner) ? inner : path
    }

    private func noRepository() -> GitError {
        GitError(
            .repositoryNotFound,
            "There is no git repository at \(git.location). Check the path, or run 'git init' there.")
    }
}
