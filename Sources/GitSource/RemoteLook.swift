import Foundation
import SafeText

/// Asks the source what a reference points to now. For a repository on this machine it runs one process.
struct RemoteLook: Sendable {
    /// How many existing names an error message lists when the wanted one is missing.
    static let maximumSuggestions = 5

    private static let branches = "refs/heads/"
    private static let tags = "refs/tags/"

    let git: GitProgram
    let timeout: Duration

    /// - Throws: `GitError`, such as `referenceNotFound`, `repositoryEmpty`, `repositoryNotFound`, or a network error.
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
            guard await servesGit() else {
                return GitError(
                    .repositoryNotFound,
                    "\(git.location) answers with a page that is not git's, such as a login page. Check the address, and whether a "
                        + "proxy or single sign-on stands before it.")
            }
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

    /// Whether the answer is git's. git takes any page without a tab for a repository without branches.
    private func servesGit() async -> Bool {
        guard git.location.transport == .https else { return true }
        let trace = ["GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"]
        let output = try? await git.run(
            ["ls-remote", "--quiet", "--", git.source, "HEAD"], reaches: .source, variables: trace, timeout: timeout,
            task: "Reading the type of the answer")
        return output?.errors.lowercased().contains("content-type: application/x-git-upload-pack-advertisement") ?? true
    }

    /// The address that the server redirects to; nil if it does not say. Asked without credentials and without the user's own
    /// settings.
    func redirection() async -> String? {
        let trace = ["GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"]
        let output = try? await git.run(
            ["ls-remote", "--quiet", "--", git.source, "HEAD"], reaches: .sourceAsStranger, variables: trace,
            timeout: timeout, task: "Reading the redirect")
        guard let output else { return nil }
        for line in output.errors.split(whereSeparator: \.isNewline) {
            guard let header = line.firstRange(of: #/(?i)<= recv header: location: /#) else { continue }
            let target = line[header.upperBound...].trimmingCharacters(in: .whitespaces)
            guard let end = target.firstRange(of: "/info/refs") else { continue }
            // `GitLocation` drops any credentials from the address.
            return (try? GitLocation(String(target[..<end.lowerBound])))?.description
        }
        return nil
    }

    func references(_ patterns: [String]) async throws -> [String: String] {
        let task = "Reading the branches"
        let arguments: [String]
        if git.location.transport == .file {
            let directory = try gitDirectory()
            arguments = ["--git-dir=\(directory)", "for-each-ref", "--format=%(objectname)%09%(refname)"] + patterns
        } else {
            // ls-remote matches patterns against whole path components from the end, so 'refs/heads/' needs a `*`.
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

    /// Parses the output of `git ls-remote` and `git for-each-ref`, `<id> TAB <name> LF`, into ids by name.
    static func references(in bytes: [UInt8]) -> [String: String] {
        bytes.split(separator: UInt8(ascii: "\n")).reduce(into: [:]) { result, line in
            let fields = line.split(separator: UInt8(ascii: "\t")).map { String(decoding: $0, as: UTF8.self) }
            if fields.count == 2, GitReference.isObjectID(fields[0]) { result[fields[1]] = fields[0] }
        }
    }

    /// The `.git` folder of a working tree, or the bare repository itself. git must not search the parent folders.
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
