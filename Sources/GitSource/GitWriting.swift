import Foundation
import SafeText

/// Whose name a commit has: `NAME <ADDRESS>`.
package struct CommitIdentity: Hashable, Sendable {
    package let name: String
    package let address: String

    /// - Returns: nil where the text has another form.
    package init?(_ text: String) {
        guard let match = text.wholeMatch(of: #/\s*([^<>\n]+?)\s*<([^<>\s]+)>\s*/#) else { return nil }
        (name, address) = (String(match.1), String(match.2))
    }
}

/// A commit that changes one file.
package struct FileCommit: Hashable, Sendable {
    package var parent: String
    package var file: String
    package var text: String
    package var message: String
    package var date: Date
    package var identity: CommitIdentity
    /// A private ssh key.
    package var signingKeyFile: String?

    package init(
        parent: String, file: String, text: String, message: String, date: Date, identity: CommitIdentity,
        signingKeyFile: String?
    ) {
        (self.parent, self.file, self.text, self.message) = (parent, file, text, message)
        (self.date, self.identity, self.signingKeyFile) = (date, identity, signingKeyFile)
    }
}

/// What a commit says about itself.
package struct CommitDescription: Hashable, Sendable {
    /// The address.
    package var committer: String
    package var parents: [String]
    package var message: String
}

/// Writing: commits are made in the mirror, and a reference of the source is moved only if it is still as expected.
extension GitRepository {
    /// The text of a file in a commit that was fetched; nil where there is none, or where it is no text within the file limit.
    package func text(of file: String, at commit: String) async throws -> String? {
        guard GitReference.isObjectID(commit) else { return nil }
        let output = try await git.run(
            ["--git-dir=\(mirror.reader)", "cat-file", "blob", "\(commit):\(file)"],
            limit: BlobReader.maximumFileBytes + 1, timeout: configuration.timeouts.read, task: "Reading \(file)")
        guard output.isSuccess, output.bytes.count <= BlobReader.maximumFileBytes else { return nil }
        return String(validating: output.bytes, as: UTF8.self)
    }

    /// The references of the source below a folder such as `refs/heads/mlctl/`, with their objects.
    package func references(below folder: String) async throws -> [String: String] {
        try await RemoteLook(git: git, timeout: configuration.timeouts.look).references([folder])
    }

    /// What a commit of the source says about itself. It is fetched if the mirror does not have it.
    ///
    /// - Returns: nil where it is not a commit.
    package func describe(_ reference: String, at commit: String) async throws -> CommitDescription? {
        if try await mirror.commit(commit) == nil {
            _ = try await mirror.update(to: WantedObject(reference: reference, id: commit))
        }
        let output = try await git.run(
            [
                "--git-dir=\(mirror.directory)", "log", "-1", "--no-show-signature", "--format=%ce%n%P%n%B", commit,
                "--",
            ],
            timeout: configuration.timeouts.read, task: "Reading a commit")
        let parts = output.text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard output.isSuccess, parts.count == 3 else { return nil }
        return CommitDescription(
            committer: parts[0], parents: parts[1].split(separator: " ").map(String.init), message: parts[2])
    }

    /// The latest commit of `head` that is not in `base` and whose message has exactly this line; nil if there is none.
    package func commit(withLine line: String, in head: String, since base: String) async throws -> String? {
        func find(_ range: [String]) async throws -> GitProgram.Output {
            try await git.run(
                [
                    "--git-dir=\(mirror.directory)", "log", "-1", "--format=%H", "--fixed-strings", "--grep=\(line)",
                ] + range + ["--"],
                timeout: configuration.timeouts.read, task: "Searching commits")
        }
        var output = try await find([head, "^\(base)"])
        // The base may be gone after a rewrite of history.
        if !output.isSuccess { output = try await find([head]) }
        guard output.isSuccess else {
            throw GitFailure.error(in: output.errors, doing: "Searching commits", from: configuration.location)
        }
        let id = output.text.trimmingCharacters(in: .whitespacesAndNewlines)
        return GitReference.isObjectID(id) ? id : nil
    }

    /// Makes a commit in the mirror. The same change gives the same commit.
    ///
    /// - Returns: its id.
    package func make(_ commit: FileCommit) async throws -> String {
        let blob = try await object(["hash-object", "-w", "--stdin"], input: Array(commit.text.utf8))
        let listed = try await written(["ls-tree", "-z", "--full-tree", commit.parent, "--", commit.file])
        let mode = listed.split(separator: " ").first.map(String.init) ?? "100644"
        let index = ["GIT_INDEX_FILE": "\(mirror.directory)/index-\(UUID().uuidString)"]
        defer { try? FileManager.default.removeItem(atPath: index["GIT_INDEX_FILE"] ?? "") }
        _ = try await written(["read-tree", commit.parent], variables: index)
        _ = try await written(
            ["update-index", "--add", "--cacheinfo", "\(mode),\(blob),\(commit.file)"], variables: index)
        let tree = try await object(["write-tree", "--missing-ok"], variables: index)
        let date = "@\(Int(commit.date.timeIntervalSince1970)) +0000"
        let variables = [
            "GIT_AUTHOR_NAME": commit.identity.name, "GIT_AUTHOR_EMAIL": commit.identity.address,
            "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_NAME": commit.identity.name,
            "GIT_COMMITTER_EMAIL": commit.identity.address, "GIT_COMMITTER_DATE": date,
        ]
        let signing = commit.signingKeyFile.map {
            [GitEnvironment.Setting("gpg.format", "ssh"), GitEnvironment.Setting("user.signingKey", $0)]
        }
        return try await object(
            ["commit-tree", tree, "-p", commit.parent] + (signing == nil ? ["--no-gpg-sign"] : ["-S"]),
            settings: signing ?? [], variables: variables, input: Array(commit.message.utf8))
    }

    /// Moves a reference of the source to a commit of the mirror, or deletes it.
    ///
    /// - Parameters:
    ///   - expected: its object now; nil: it does not exist.
    ///   - commit: nil deletes it.
    /// - Throws: `GitError` with `changedMeanwhile` if it is another, or with `unauthorized` if the source refuses.
    package func move(_ reference: String, from expected: String?, to commit: String?) async throws {
        let task = "Writing \(reference)"
        var arguments = [
            "--git-dir=\(mirror.directory)", "push", "--porcelain", "--no-verify", "--no-recurse-submodules",
            "--force-with-lease=\(reference):\(expected ?? "")",
        ]
        if configuration.location.transport == .file {
            arguments.append("--receive-pack=git -c safe.directory='*' receive-pack")
        }
        arguments += ["--", git.source, "\(commit ?? ""):\(reference)"]
        let output = try await git.run(
            arguments, reaches: .source, timeout: configuration.timeouts.look, task: task)
        guard !output.isSuccess else { return }
        // "!<TAB>from:to<TAB>[rejected] (stale info)"
        let line = output.text.split(separator: "\n").first { $0.hasPrefix("!") }
        guard let line, let summary = line.split(separator: "\t").last else {
            throw GitFailure.error(in: output.errors, doing: task, from: configuration.location)
        }
        // Two writers at the same moment: the one that came second finds the reference locked.
        if ["[rejected]", "cannot lock ref", "failed to update ref", "failed to lock"].contains(where: summary.contains)
        {
            throw GitError(
                .changedMeanwhile,
                "\(reference) of \(configuration.location) was moved by somebody else in the meantime.")
        }
        throw GitError(
            .unauthorized,
            "\(configuration.location) refuses to change \(reference): \(Escape.line(String(summary.prefix(200)))). Give mlctl's "
                + "credentials the right to push there, or choose another mode of writeBack.")
    }

    private func object(
        _ arguments: [String], settings: [GitEnvironment.Setting] = [], variables: [String: String] = [:],
        input: [UInt8] = []
    ) async throws -> String {
        let id = try await written(arguments, settings: settings, variables: variables, input: input)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard GitReference.isObjectID(id) else {
            throw GitError(.failed, "Making a commit failed: git \(arguments[0]) printed no object id.")
        }
        return id
    }

    private func written(
        _ arguments: [String], settings: [GitEnvironment.Setting] = [], variables: [String: String] = [:],
        input: [UInt8] = []
    ) async throws -> String {
        let output = try await git.run(
            ["--git-dir=\(mirror.directory)"] + arguments, settings: settings, variables: variables, input: input,
            timeout: configuration.timeouts.read, task: "Making a commit")
        guard output.isSuccess else {
            throw GitFailure.error(in: output.errors, doing: "Making a commit", from: configuration.location)
        }
        return output.text
    }
}
