import ControlAPI
import ControlPorts
import Foundation
import GitSource
import LocalServing
import ModelManifests
import ModelStorage
import Serving

// The only place where the controller's protocols and their adapters meet.

/// Git as a source of manifests.
package struct GitManifests: ManifestSource {
    let repository: GitRepository

    package init(repository: GitRepository) { self.repository = repository }

    package func fetch() async throws -> ManifestSnapshot {
        try await snapshot(at: repository.fetch().commit)
    }

    private func snapshot(at commit: String) async throws -> ManifestSnapshot {
        let files = try await repository.files(at: commit)
        return ManifestSnapshot(commit: commit, files: files, ignoring: await repository.ignoring(at: commit))
    }

    package func lastRead() async throws -> ManifestSnapshot? {
        guard let revision = try await repository.lastFetched() else { return nil }
        return try await snapshot(at: revision.commit)
    }

    package func descent(of commit: String, from earlier: String) async throws -> CommitDescent {
        try await repository.descent(of: commit, from: earlier)
    }

    package func files(_ paths: Set<String>, in commit: String) async throws -> [String: ManifestFile] {
        try await repository.files(paths, in: commit)
    }

    package func isAncestor(_ commit: String, of descendant: String) async throws -> Bool {
        do {
            return try await repository.isAncestor(commit, of: descendant)
        } catch let error as GitError {
            throw ControlError(.invalid, error.message)
        }
    }
}

extension ProjectReference {
    /// Of the settings.
    var field: String {
        switch self {
        case .branch: "branch"
        case .tag: "tag"
        case .semver: "semver"
        case .commit: "commit"
        }
    }

    /// The reference as written in the settings.
    var text: String {
        switch self {
        case .branch(let name), .tag(let name), .semver(let name), .commit(let name): name
        }
    }
}

extension Project {
    /// The reference for git.
    ///
    /// - Throws: `GitError` where the name or the range is invalid.
    var gitReference: GitReference {
        get throws(GitError) {
            switch reference {
            case .branch(let name): try GitReference(branch: name)
            case .tag(let name): try GitReference(tag: name)
            case .semver(let range): try GitReference(semver: range)
            case .commit(let id): try GitReference(commit: id)
            }
        }
    }

    /// - Parameter mirror: the folder for the repository's commits.
    /// - Throws: `GitError` where the address or the reference is invalid.
    func gitConfiguration(mirror: String) throws(GitError) -> GitConfiguration {
        var configuration = try GitConfiguration(
            url: repo, reference: name == Self.defaultName ? GitReference(reference.text) : gitReference, path: path,
            mirrorDirectory: mirror, credentials: credentials)
        configuration.signatures = verify.map { verify in
            func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
            return switch verify.keys {
            case .allowedSigners(let file): .allowedSigners(absolute(file))
            case .gpgKeyring(let file): .gpgKeyring(absolute(file))
            }
        }
        return configuration
    }

    var hookRule: HookRule {
        HookRule(project: name, repo: repo, reference: reference, secretFile: hookSecretFile)
    }

    var credentials: GitCredentialSource? {
        credentialsFile.map { .file($0) } ?? tokenFile.map { .tokenFile($0) }
    }
}

/// Model files by URI, for local instances.
struct StoredModelFiles: ModelFiles {
    let store: ModelStore

    func pin(_ model: ModelSource) async throws -> Digest? {
        guard let uri = model.storageURI else { return nil }
        return Digest(
            try await store.pin(
                uri: uri, digest: model.digest?.description, allowed: model.allowedFolders,
                permits: { model.mayLead(to: $0) }))
    }

    func check(_ model: ModelSource, against digest: Digest) async throws -> ModelSourceCheck {
        guard let uri = model.storageURI else { return .unchanged }
        return switch try await store.check(uri: uri, against: digest.description) {
        case .unchanged: .unchanged
        case .changed: .changed
        case .missing: .missing
        case .unknown: .unknown
        }
    }

    func materialise(_ model: ModelSource) async throws -> URL? {
        guard let uri = model.storageURI else { return nil }
        return try await store.materialise(
            uri: uri, digest: model.digest?.description, allowed: model.allowedFolders,
            mustComeFromThere: model.allowedSources != nil, permits: { model.mayLead(to: $0) })
    }
}

/// The logs of local instances.
struct LocalLogs: LogSource {
    let backend: LocalBackend

    func logs(of deployment: DeploymentKey, revision: Revision?, lines: Int) async -> [LogLine] {
        await backend.logs(of: deployment, revision: revision, lines: lines)
    }
}
