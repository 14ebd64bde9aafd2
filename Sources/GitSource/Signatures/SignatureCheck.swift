import Foundation

/// Verifies that a commit, or the tag that was chosen, is signed by an allowed key.
///
/// # Guarantees
/// - Only keys of the rule's file count: neither the keyring nor the git settings of the user of the controller.
/// - A signed tag counts for a reference only if the tag has that reference's name.
///
/// # Caveats
/// - Only the commit that is read is verified, not its ancestors: whoever signs a commit vouches for its files. Whoever may push can
///   still move a branch back to an older signed commit.
struct SignatureCheck: Sendable {
    /// The folder of gpg's configuration, beside the mirror.
    static let gpgFolder = ".gnupg"
    private static let tagPrefix = "refs/tags/"
    private static let longestTag = 64 << 10

    let rule: SignatureRule
    let git: GitProgram
    let mirror: GitMirror
    let timeout: Duration

    /// - Parameters:
    ///   - commit: what is read.
    ///   - wanted: the reference with its object, which may be a tag object.
    /// - Returns: who signed it.
    /// - Throws: `GitError` with `unsigned`.
    func requireSignature(of commit: String, from wanted: WantedObject) async throws -> String {
        try rule.requireUsableFile()
        try prepareGPG()
        var reasons: [String] = []
        if wanted.id != commit, let reference = wanted.reference, reference.hasPrefix(Self.tagPrefix) {
            switch try await tagVerdict(wanted.id, named: String(reference.dropFirst(Self.tagPrefix.count))) {
            case .valid(let signer): return signer
            case .invalid(let reason): reasons.append("the tag: \(reason)")
            case .missing: reasons.append("the tag is not signed")
            }
        }
        switch try await verdict(["verify-commit", "--raw", commit]) {
        case .valid(let signer): return signer
        case .invalid(let reason): reasons.append(reasons.isEmpty ? reason : "the commit: \(reason)")
        case .missing: reasons.append(reasons.isEmpty ? "it is not signed" : "the commit is not signed")
        }
        let isTag = wanted.reference?.hasPrefix(Self.tagPrefix) == true
        let place = wanted.reference.map { " of \($0)" } ?? ""
        throw GitError(
            .unsigned,
            "Commit \(commit.prefix(12))\(place) is not used, because the project's commits must be signed by a key in "
                + "'verify.\(rule.field)', and \(reasons.joined(separator: ", and ")). What serves stays as it is. Sign it "
                + "(\(isTag ? "git tag -s -f NAME" : "git commit --amend --no-edit -S")) and push it again.")
    }

    private func tagVerdict(_ tag: String, named name: String) async throws -> SignatureVerdict {
        let output = try await git.run(
            ["--git-dir=\(mirror.directory)", "cat-file", "tag", tag], limit: Self.longestTag, timeout: timeout,
            task: "Reading a tag")
        guard output.isSuccess, let own = Self.name(inTag: output.text) else { return .missing }
        guard own == name else {
            return .invalid(reason: "it was signed under another name, so it may stand for another version")
        }
        return try await verdict(["verify-tag", "--raw", tag])
    }

    /// The name in a tag object. Its headers are `object`, `type`, `tag` and `tagger`, up to an empty line.
    static func name(inTag text: String) -> String? {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { return nil }
            if line.hasPrefix("tag ") { return String(line.dropFirst("tag ".count)) }
        }
        return nil
    }

    private func verdict(_ arguments: [String]) async throws -> SignatureVerdict {
        let output = try await git.run(
            ["--git-dir=\(mirror.directory)"] + arguments, settings: rule.settings,
            variables: ["GNUPGHOME": gpgHome, "GIT_NO_REPLACE_OBJECTS": "1"], timeout: timeout,
            task: "Verifying a signature")
        return SignatureVerdict(isSuccess: output.isSuccess, output: output.errors, rule: rule)
    }

    private var gpgHome: String { mirror.directory + Self.gpgFolder }

    private func prepareGPG() throws {
        let files = FileManager.default
        do {
            try files.createDirectory(
                atPath: gpgHome, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let text = rule.gpgConfiguration ?? ""
            let file = "\(gpgHome)/gpg.conf"
            if (try? String(contentsOfFile: file, encoding: .utf8)) != text {
                try text.write(toFile: file, atomically: true, encoding: .utf8)
            }
        } catch {
            throw GitError(
                (error as? CocoaError)?.code == .fileWriteOutOfSpace ? .diskFull : .failed,
                "The folder for verifying signatures cannot be written at \(gpgHome): \(error.localizedDescription)")
        }
    }
}
