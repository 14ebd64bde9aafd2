import Foundation

/// mlctl's own bare repository in the state directory. What was fetched stays readable, whatever happens to the source.
struct GitMirror: Sendable {
    /// A file with the address that the mirror belongs to, so that the mirror is never used for another address.
    static let sourceFile = "mlctl-source"

    /// The name of the source in the mirror's configuration. Its address is passed with each call.
    static let remote = "source"
    /// A repository inside the mirror that shares its objects but is not marked as partial. Reads through it report a missing
    /// blob. In the mirror itself, git would try to fetch the blob.
    static let readerName = "reader"
    private static let sizeIsReadEvery = Duration.milliseconds(250)

    let git: GitProgram
    let directory: String
    let timeouts: GitTimeouts

    var reader: String { "\(directory)/\(Self.readerName)" }
    var limits: GitLimits { git.limits }

    /// Whether there is a mirror of exactly this address.
    var isUsable: Bool {
        let source = try? String(contentsOfFile: "\(directory)/\(Self.sourceFile)", encoding: .utf8)
        let files = FileManager.default
        return source == git.location.address && files.fileExists(atPath: "\(directory)/HEAD")
            && files.fileExists(atPath: "\(reader)/HEAD")
    }

    /// Whether blobs above the file limit were left out of a fetch.
    var isPartial: Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/objects/pack")) ?? []
        return names.contains { $0.hasSuffix(".promisor") }
    }

    /// The mirror's name for a reference of the source.
    static func name(of wanted: WantedObject) -> String {
        guard let reference = wanted.reference else { return "refs/mlctl/commits/\(wanted.id)" }
        return "refs/mlctl/" + reference.dropFirst("refs/".count)
    }

    /// The mirror's name for the object of a reference that was last found to be signed.
    static func verifiedName(of wanted: WantedObject) -> String {
        "refs/mlctl/verified/" + name(of: wanted).dropFirst("refs/mlctl/".count)
    }

    /// Whether the mirror has only a part of the history although its source, a folder of this machine, has all of it now.
    var isShallowWithoutNeed: Bool {
        let files = FileManager.default
        guard git.location.transport == .file,
            let boundary = try? String(contentsOfFile: "\(directory)/shallow", encoding: .utf8), !boundary.isEmpty
        else { return false }
        let source = git.location.address
        let folder = files.fileExists(atPath: "\(source)/.git/HEAD") ? "\(source)/.git" : source
        return files.fileExists(atPath: "\(folder)/HEAD") && !files.fileExists(atPath: "\(folder)/shallow")
    }

    /// Gives an object of the mirror a name, so that it stays when the source moves on.
    func remember(_ wanted: WantedObject, as name: String) async throws {
        let output = try await git.run(
            ["--git-dir=\(directory)", "update-ref", "--no-deref", name, wanted.id], timeout: timeouts.read,
            task: "Remembering \(wanted.id)")
        guard output.isSuccess else {
            throw GitFailure.error(in: output.errors, doing: "Remembering \(wanted.id)", from: git.location)
        }
    }

    /// Fetches what is wanted. If the mirror cannot take it, a new mirror is cloned beside it. The old mirror is removed only
    /// when the new one is complete.
    ///
    /// - Returns: whether history was rewritten; nil for a new mirror, which cannot tell.
    func update(to wanted: WantedObject) async throws -> Bool? {
        if isUsable, !isShallowWithoutNeed, FolderSize.bytes(of: directory) <= limits.mirrorBytes {
            do {
                // A commit never changes, so one that the mirror has is not fetched again.
                if wanted.reference == nil, try await commit(Self.name(of: wanted)) != nil { return false }
                return try await fetch(wanted, into: directory)
            } catch let error as GitError where error.code == .damaged || error.code == .failed {
                // Either the source or the mirror is at fault. A new clone shows which.
            }
        }
        try await clone(wanted)
        return nil
    }

    func clone(_ wanted: WantedObject) async throws {
        let fresh = directory + ".new"
        let old = directory + ".old"
        let files = FileManager.default
        defer { try? files.removeItem(atPath: fresh) }
        do {
            try? files.removeItem(atPath: fresh)
            try files.createDirectory(atPath: fresh, withIntermediateDirectories: true)
            let format = wanted.id.utf8.count == 64 ? "sha256" : "sha1"
            try await makeRepository(at: fresh, format: format)
            try await makeRepository(at: "\(fresh)/\(Self.readerName)", format: format)
            let objects = "\(fresh)/\(Self.readerName)/objects"
            try files.removeItem(atPath: objects)
            try files.createSymbolicLink(atPath: objects, withDestinationPath: "../objects")
            try linkBoundary(in: fresh)
            _ = try await fetch(wanted, into: fresh)
            let fetched = try await object(Self.name(of: wanted), in: fresh)
            guard fetched == wanted.id else { throw changedMeanwhile(wanted, fetched) }
            try git.location.address.write(toFile: "\(fresh)/\(Self.sourceFile)", atomically: true, encoding: .utf8)
            try? files.removeItem(atPath: old)
            if files.fileExists(atPath: directory) { try files.moveItem(atPath: directory, toPath: old) }
            try files.moveItem(atPath: fresh, toPath: directory)
            try? files.removeItem(atPath: old)
        } catch let error as CocoaError {
            throw GitError(
                error.code == .fileWriteOutOfSpace ? .diskFull : .failed,
                "The mirror of \(git.location) cannot be written at \(directory): \(error.localizedDescription)")
        }
    }

    private func makeRepository(at path: String, format: String) async throws {
        let made = try await git.run(
            ["init", "--quiet", "--bare", "--template=", "--object-format=\(format)", "--", path],
            timeout: timeouts.read, task: "Creating a mirror")
        guard made.isSuccess else {
            throw GitFailure.error(in: made.errors, doing: "Creating a mirror", from: git.location)
        }
    }

    /// The reader has the objects of the mirror, so it needs the mirror's list of commits whose parents are missing.
    private func linkBoundary(in directory: String) throws {
        let link = "\(directory)/\(Self.readerName)/shallow"
        let files = FileManager.default
        guard (try? files.destinationOfSymbolicLink(atPath: link)) == nil else { return }
        try files.createSymbolicLink(atPath: link, withDestinationPath: "../shallow")
    }

    /// - Returns: whether history was rewritten.
    private func fetch(_ wanted: WantedObject, into directory: String) async throws -> Bool {
        try? linkBoundary(in: directory)
        let task = "Fetching \(wanted.reference ?? wanted.id)"
        var output = try await fetch(wanted, into: directory, isFiltered: true, task: task)
        if !output.isSuccess, output.errors.contains("filter '") {
            // The server supports filters, but not this one.
            output = try await fetch(wanted, into: directory, isFiltered: false, task: task)
        }
        guard output.isSuccess else { throw failure(output.errors, fetching: wanted, task: task) }
        // " + old...new main -> refs/mlctl/heads/main  (forced update)"
        return output.errors.split(whereSeparator: \.isNewline).contains { $0.hasPrefix(" + ") }
    }

    private func fetch(
        _ wanted: WantedObject, into directory: String, isFiltered: Bool, task: String
    ) async throws -> GitProgram.Output {
        var arguments = [
            "--git-dir=\(directory)", "fetch", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
            "--no-auto-gc",
            // Without this option git leaves references of a shallow source as they are, and reports success.
            "--update-shallow",
        ]
        // A blob above the file limit is never read, so it need not be fetched.
        if isFiltered { arguments.append("--filter=blob:limit=\(BlobReader.maximumFileBytes + 1)") }
        if git.location.transport == .file {
            // The remote end of a local fetch does not see our settings. These options make it accept the repository whoever owns
            // it.
            let settings = GitEnvironment.memory.map { "-c \($0.key)=\($0.value) " }.joined()
            arguments.append(
                "--upload-pack=git -c safe.directory='*' -c uploadpack.allowFilter=true \(settings)upload-pack")
        }
        arguments += ["--", Self.remote, "+\(wanted.reference ?? wanted.id):\(Self.name(of: wanted))"]
        let call = arguments
        let most = FolderSize.bytes(of: directory) + limits.fetchBytes
        do {
            let output = try await withThrowingTaskGroup(of: GitProgram.Output.self) { group in
                group.addTask {
                    try await git.run(
                        call, reaches: .source,
                        settings: [GitEnvironment.Setting("remote.\(Self.remote).url", git.source)],
                        fileBytes: limits.fetchBytes, timeout: timeouts.fetch, task: task)
                }
                // The limit of a single file's size does not bound the number of files.
                group.addTask {
                    while FolderSize.bytes(of: directory) <= most { try await Task.sleep(for: Self.sizeIsReadEvery) }
                    throw GitError(
                        .tooLarge,
                        "\(task) from \(git.location) transferred more than \(limits.fetchBytes) bytes and was stopped. Move "
                            + "large files out of it, for example to a repository of their own.")
                }
                defer { group.cancelAll() }
                guard let output = try await group.next() else { throw CancellationError() }
                return output
            }
            if !output.isSuccess { removeFragments(in: directory) }
            return output
        } catch {
            removeFragments(in: directory)
            throw error
        }
    }

    /// Removes the temporary files that an interrupted fetch leaves in the mirror.
    private func removeFragments(in directory: String) {
        let files = FileManager.default
        let objects = "\(directory)/objects"
        for folder in [objects, "\(objects)/pack"] {
            for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix("tmp_") {
                try? files.removeItem(atPath: "\(folder)/\(name)")
            }
        }
    }

    private func failure(_ words: String, fetching wanted: WantedObject, task: String) -> GitError {
        guard wanted.reference == nil, words.contains("not our ref") || words.contains("unadvertised object") else {
            return GitFailure.error(in: words, doing: task, from: git.location)
        }
        return GitError(
            .referenceNotFound,
            "\(git.location) has no commit \(wanted.id), or does not serve commits by id. Use a branch or a tag.")
    }

    /// The commit that a name refers to in the mirror; nil if there is none.
    func commit(_ name: String) async throws -> String? {
        let place = name.hasPrefix("refs/") ? directory : reader
        let output = try await git.run(
            ["--git-dir=\(place)", "rev-parse", "--verify", "--quiet", "--end-of-options", "\(name)^{commit}"],
            timeout: timeouts.read, task: "Reading \(name)")
        let id = output.text.trimmingCharacters(in: .whitespacesAndNewlines)
        return output.isSuccess && GitReference.isObjectID(id) ? id : nil
    }

    /// The object that a name refers to in the mirror, without following a tag; nil if there is none.
    func object(_ name: String, in place: String? = nil) async throws -> String? {
        let output = try await git.run(
            ["--git-dir=\(place ?? directory)", "rev-parse", "--verify", "--quiet", "--end-of-options", name],
            timeout: timeouts.read, task: "Reading \(name)")
        let id = output.text.trimmingCharacters(in: .whitespacesAndNewlines)
        return output.isSuccess && GitReference.isObjectID(id) ? id : nil
    }

    private func changedMeanwhile(_ wanted: WantedObject, _ fetched: String?) -> GitError {
        GitError(
            .changedMeanwhile,
            "\(wanted.reference ?? "The commit") in \(git.location) is \(wanted.id), but git fetched "
                + "\(fetched ?? "nothing"). The repository may be changing faster than it can be read. What was read before "
                + "stays in force.")
    }

    /// Whether the mirror's reference is exactly what is wanted.
    func has(_ wanted: WantedObject) async throws -> Bool {
        try await object(Self.name(of: wanted)) == wanted.id
    }

    /// The tags that were fetched.
    func tags() async throws -> [String] {
        let prefix = "refs/mlctl/tags/"
        let output = try await git.run(
            ["--git-dir=\(directory)", "for-each-ref", "--format=%(refname)", prefix], limit: limits.referenceBytes,
            timeout: timeouts.read, task: "Reading tags")
        return output.text.split(separator: "\n").filter { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count)) }
    }

    /// Packs loose objects and removes those that have been unreferenced for two weeks, if git finds enough of them.
    func collectGarbage() async throws {
        let output = try await git.run(
            ["--git-dir=\(directory)", "-c", "gc.auto=2000", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"],
            fileBytes: limits.mirrorBytes, timeout: timeouts.fetch, task: "Packing the mirror")
        guard output.isSuccess else {
            throw GitFailure.error(in: output.errors, doing: "Packing the mirror", from: git.location)
        }
    }
}

/// A reference of the source, and its current object. The object of a tag may be the tag object itself.
struct WantedObject: Hashable, Sendable {
    /// Nil for a commit that was requested by its id.
    var reference: String?
    var id: String
}

/// Time limits for one call of git.
package struct GitTimeouts: Hashable, Sendable {
    /// For asking the source what a reference points to.
    package var look: Duration
    /// For a clone or a fetch.
    package var fetch: Duration
    /// For reading from the mirror.
    package var read: Duration

    package init(look: Duration = .seconds(20), fetch: Duration = .seconds(300), read: Duration = .seconds(30)) {
        self.look = look
        self.fetch = fetch
        self.read = read
    }
}
