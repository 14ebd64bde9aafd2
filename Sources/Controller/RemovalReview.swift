import ControlPorts
import ModelManifests

/// Why a commit that does not describe a deployment does not say either that it was removed. Pure.
///
/// A removal is a change in git: a commit that follows the one that described the deployment, and does not have it at the place
/// where it was. A changed setting of a project is none.
enum RemovalDoubt: Hashable, Sendable {
    /// Its file still describes it, but the project's path is another one now.
    case outsidePath(file: String, path: String)
    case otherReference(now: String, before: String, file: String)
    case otherRepository(now: String, before: String, file: String)
    /// The commits have no common ancestor.
    case unrelated(to: String, file: String?)
    /// The commit that described it last is not in the repository.
    case lostCommit(String, file: String?)
    /// The repository, or mlctl's copy of it, does not have the history that would say how the commits are related.
    case cutOff(from: String, file: String?)
    /// Its record was found after the commit was read.
    case notReviewed

    func reason(at commit: String) -> String {
        switch self {
        case .outsidePath(let file, let path):
            "its manifest is still in \(file), which is outside the path that the project reads now (\(Self.shown(path)))"
        case .otherReference(let now, let before, let file):
            "it was described by \(file) of '\(before)', and the project reads '\(now)' now"
        case .otherRepository(let now, let before, let file):
            "it was described by \(file) of \(before), and the project reads \(now) now"
        case .unrelated(let earlier, _):
            "commit \(commit.prefix(12)) has no history in common with commit \(earlier.prefix(12)), which was read before: it "
                + "may be another repository"
        case .lostCommit(let earlier, _):
            "commit \(earlier.prefix(12)), which described it, is not in the repository any more, so nothing says that it was "
                + "removed"
        case .cutOff(let earlier, _):
            "commit \(commit.prefix(12)) cannot be compared with commit \(earlier.prefix(12)), which described it: the "
                + "repository is a shallow clone, whose history is cut off"
        case .notReviewed: "it is being looked up where its manifest was"
        }
    }

    var remedy: String {
        switch self {
        case .outsidePath(let file, _):
            "To remove the deployment, delete \(file) or name it in \(IgnoreRules.fileName) at the top of the repository; to "
                + "follow it again, set the project's path back or move the file"
        case .otherReference(_, let before, let file):
            Self.ignore(file)
                + "; to follow it again, commit its manifest there or set the project's ref back to '\(before)'"
        case .otherRepository(_, let before, let file):
            Self.ignore(file)
                + "; to follow it again, commit its manifest there or set the project's repo back to \(before)"
        case .unrelated(_, let file?), .lostCommit(_, let file?):
            Self.ignore(file) + "; to follow it again, commit its manifest"
        case .cutOff(_, let file):
            "Use a full clone as the repository, or run 'git fetch --unshallow' in it. "
                + (file.map { Self.ignore($0) } ?? Self.again)
        case .unrelated(_, nil), .lostCommit(_, nil):
            Self.again
        case .notReviewed: "mlctl reads the repository again at once"
        }
    }

    /// The file that still describes it.
    var path: String { if case .outsidePath(let file, _) = self { file } else { "" } }

    private static let again = "To remove the deployment, commit its manifest again and delete it with another commit"

    private static func ignore(_ file: String) -> String {
        "To remove the deployment, name /\(file) in \(IgnoreRules.fileName) at the top of the repository"
    }

    private static func shown(_ path: String) -> String {
        let parts = path.split(separator: "/").filter { $0 != "." }
        return parts.isEmpty ? "the whole repository" : "'\(parts.joined(separator: "/"))'"
    }
}

/// What a record says of a deployment's manifest.
package struct RecordedManifest: Hashable, Sendable {
    /// The commit whose manifest was followed last.
    package var commit: String
    package var origin: ManifestOrigin?

    package init(commit: String, origin: ManifestOrigin?) { (self.commit, self.origin) = (commit, origin) }
}

/// Finds out whether a commit that does not describe some deployments says that they were removed.
struct RemovalReview {
    /// Where a deployment was described last, as far as the ledger knows.
    struct LastSeen: Hashable, Sendable {
        var commit: String?
        var file: String?
    }

    /// How many earlier commits one look compares. Deployments of further ones are held until the next look.
    static let commitsMax = 200

    let source: ProjectSource
    let snapshot: ManifestSnapshot
    let records: [DeploymentKey: RecordedManifest]

    /// - Parameter missing: deployments with a record that the commit does not describe.
    /// - Throws: if the repository cannot be asked.
    func doubts(_ missing: [DeploymentKey: LastSeen]) async throws -> [DeploymentKey: RemovalDoubt] {
        guard !missing.isEmpty else { return [:] }
        var doubts: [DeploymentKey: RemovalDoubt] = [:]
        var descents: [String: CommitDescent] = [:]
        var outside: [DeploymentKey: String] = [:]
        for (key, seen) in missing.sorted(by: { $0.key < $1.key }) {
            let record = records[key]
            let file = seen.file ?? record?.origin?.file
            // A person has said that what was there is gone.
            if let file, snapshot.ignoring.ignores(file) { continue }
            if let earlier = seen.commit ?? record?.commit, !earlier.isEmpty {
                if descents[earlier] == nil {
                    guard descents.count < Self.commitsMax else {
                        doubts[key] = .notReviewed
                        continue
                    }
                    descents[earlier] = try await source.source.descent(of: snapshot.commit, from: earlier)
                }
                let descent = descents[earlier] ?? .missing
                if let doubt = Self.doubt(
                    descent, from: earlier, file: file, record?.origin, repo: source.repo, reference: source.reference)
                {
                    doubts[key] = doubt
                    continue
                }
            }
            if let file, !ManifestOrigin.isBelow(source.path, file) { outside[key] = file }
        }
        let files = outside.isEmpty ? [:] : try await source.source.files(Set(outside.values), in: snapshot.commit)
        for (key, path) in outside {
            guard let file = files[path] else { continue }
            let parsed = ManifestReader.read(file, path: path)
            guard parsed.keys.contains(key) || parsed.unreadable != nil else { continue }
            doubts[key] = .outsidePath(file: path, path: source.path)
        }
        return doubts
    }

    /// - Parameters:
    ///   - origin: where the manifest was that was followed last; nil where the record does not say it.
    ///   - repo: what the project reads now.
    static func doubt(
        _ descent: CommitDescent, from earlier: String, file: String?, _ origin: ManifestOrigin?, repo: String,
        reference: String
    ) -> RemovalDoubt? {
        guard descent != .follows else { return nil }
        if let origin, origin.repo != repo {
            return .otherRepository(now: repo, before: origin.repo, file: origin.file)
        }
        if let origin, origin.reference != reference {
            return .otherReference(now: reference, before: origin.reference, file: origin.file)
        }
        return switch descent {
        // Somebody has rewritten the branch: what is not in it any more was taken out.
        case .follows, .diverged: nil
        case .cutOff: .cutOff(from: earlier, file: file)
        case .unrelated: .unrelated(to: earlier, file: file)
        case .missing: .lostCommit(earlier, file: file)
        }
    }
}
