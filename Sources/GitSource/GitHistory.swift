import Foundation
import ModelManifests
import SafeText

/// What a removal needs to know of a repository beside the files below the configured path.
extension GitRepository {
    /// How a fetched commit follows one that was read earlier, perhaps of another branch or another repository.
    ///
    /// - Throws: `GitError`, `CancellationError`.
    package func descent(of commit: String, from earlier: String) async throws -> CommitDescent {
        guard GitReference.isObjectID(commit), (4...64).contains(earlier.utf8.count), Hex.isHex(earlier) else {
            return .missing
        }
        let output = try await git.run(
            ["--git-dir=\(mirror.reader)", "merge-base", "--end-of-options", earlier, commit],
            timeout: configuration.timeouts.read, task: "Comparing commits")
        let base = output.text.trimmingCharacters(in: .whitespacesAndNewlines)
        let shallow = try? String(contentsOfFile: "\(mirror.directory)/shallow", encoding: .utf8)
        let hasEarlier = output.isSuccess ? true : try await contains(earlier)
        guard
            let descent = CommitDescent(
                mergeBase: base, exitCode: Int32(output.exitCode ?? -1), earlier: earlier,
                isShallow: shallow?.isEmpty == false, hasEarlier: hasEarlier)
        else { throw GitFailure.error(in: output.errors, doing: "Comparing commits", from: configuration.location) }
        return descent
    }

    /// How many paths one call of git gets.
    private static let pathsAtOnce = 200

    /// The given files of a fetched commit, wherever they are. Those that it does not have, or that are no manifests by their name,
    /// are left out.
    ///
    /// - Throws: `GitError`, `CancellationError`.
    package func files(_ paths: Set<String>, in commit: String) async throws -> [String: ManifestFile] {
        guard GitReference.isObjectID(commit) else { return [:] }
        let wanted = paths.sorted()
        var entries: [TreeEntry] = []
        for start in stride(from: 0, to: wanted.count, by: Self.pathsAtOnce) {
            let part = wanted[start..<min(start + Self.pathsAtOnce, wanted.count)]
            let output = try await git.run(
                [
                    "--git-dir=\(mirror.reader)", "ls-tree", "-r", "-z", "--full-tree", commit,
                    "--",
                ]
                    + part, limit: configuration.limits.listingBytes, timeout: configuration.timeouts.read,
                task: "Listing files")
            guard output.isSuccess else {
                throw GitFailure.damage(output.errors, doing: "Listing files", from: configuration.location)
            }
            entries += TreeEntry.entries(ofListing: output.bytes).filter { paths.contains($0.path) }
        }
        return try await contents(of: entries, beside: [:], acceptsMissing: true)
    }

    /// What `.mlctlignore` files of a commit name, whose files were read last.
    package func ignoring(at commit: String) -> IgnoreRules {
        snapshot?.commit == commit ? snapshot?.plan.ignoring ?? IgnoreRules() : IgnoreRules()
    }
}
