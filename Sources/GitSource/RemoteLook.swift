import Foundation
import SafeText

/// Asks the source what a reference means now. One process where the repository is on this machine.
struct RemoteLook: Sendable {
    /// Named in a message when the wanted one is missing.
    static let maximumSuggestions = 5

    private static let branches = "refs/heads/"
    private static let tags = "refs/tags/"

    let git: GitProgram
    let timeout: Duration

    /// - Throws: `GitError`: `referenceNotFound`, `repositoryEmpty`, `repositoryNotFound` and what a network brings.
    func find(_ reference: GitReference) async throws -> WantedObject {
        switch reference {
        case .commit(let id): return WantedObject(reference: nil, id: id)
        case .semver(let range): return try await newest(in: range)
        case .named, .branch, .tag: break
        }
        let candidates = reference.candidates
        let found = try await references(candidates)
        for candidate in candidates {
            if let id = found[candidate] { return WantedObject(reference: candidate, id: id) }
        }
        throw try await missing(reference)
    }

    private func newest(in range: VersionRange) async throws -> WantedObject {
        let found = try await references([Self.tags])
        let tags = found.keys.filter { $0.hasPrefix(Self.tags) }.map { String($0.dropFirst(Self.tags.count)) }
        if let tag = range.best(of: tags), let id = found[Self.tags + tag] {
            return WantedObject(reference: Self.tags + tag, id: id)
        }
        let versions = tags.compactMap { SemanticVersion($0) }.sorted(by: >)
        let names = versions.prefix(Self.maximumSuggestions).map { Escape.line($0.description) }
        let said =
            names.isEmpty
            ? "none of its \(tags.count) tags is a version" : "its newest are \(names.joined(separator: ", "))"
        throw GitError(.referenceNotFound, "\(git.location) has no tag whose version is in '\(range)': \(said).")
    }

    private func missing(_ reference: GitReference) async throws -> GitError {
        let isTag = if case .tag = reference { true } else { false }
        let folder = isTag ? Self.tags : Self.branches
        let all = try await references([folder]).keys.filter { $0.hasPrefix(folder) }
        let kind =
            switch reference {
            case .tag: "tag"
            case .branch: "branch"
            default: "branch or tag"
            }
        guard !all.isEmpty else {
            return isTag
                ? GitError(.referenceNotFound, "\(git.location) has no tags. Push '\(reference)' to it.")
                : GitError(.repositoryEmpty, "\(git.location) has no branches. Push '\(reference)' to it.")
        }
        let names = all.sorted().prefix(Self.maximumSuggestions).map { Escape.line(String($0.dropFirst(folder.count))) }
        let more = all.count > names.count ? ", …" : ""
        return GitError(
            .referenceNotFound,
            "\(git.location) has no \(kind) '\(reference)'. It has \(names.joined(separator: ", "))\(more).")
    }

    /// Where the address leads, asked without credentials and without the user's own settings; nil where it does not say.
    func redirection() async -> String? {
        let trace = ["GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"]
        let output = try? await git.run(
            ["ls-remote", "--quiet", "--", git.source, "HEAD"], reaches: .sourceAsStranger, variables: trace,
            timeout: timeout, task: "Reading where it leads")
        guard let output else { return nil }
        for line in output.errors.split(whereSeparator: \.isNewline) {
            guard let header = line.firstRange(of: #/(?i)<= recv header: location: /#) else { continue }
            let target = line[header.upperBound...].trimmingCharacters(in: .whitespaces)
            guard let end = target.firstRange(of: "/info/refs") else { continue }
            // An address by itself, without anything that it would have to be kept secret for.
            return (try? GitLocation(String(target[..<end.lowerBound])))?.description
        }
        return nil
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
                ["ls-remote", "--refs", "--quiet", "--", git.source]
                + patterns.map { $0.hasSuffix("/") ? $0 + "*" : $0 }
        }
        let output = try await git.run(
            arguments, reaches: .source, limit: git.limits.referenceBytes, timeout: timeout, task: task)
        guard output.isSuccess else {
            if git.location.transport == .file, output.errors.contains("not a git repository") { throw noRepository() }
            throw GitFailure.error(in: output.errors, doing: task, from: git.location)
        }
        return Self.references(in: output.bytes)
    }

    /// `<id> TAB <name> LF`, as `git ls-remote` and `git for-each-ref` are asked for it: ids by their names.
    static func references(in bytes: [UInt8]) -> [String: String] {
        bytes.split(separator: UInt8(ascii: "\n")).reduce(into: [:]) { result, line in
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
