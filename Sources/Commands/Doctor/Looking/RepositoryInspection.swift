import Foundation
import GitSource
import Glibc
import ModelManifests
import Presentation
import Synchronization

/// Reads each project's repository as `mlctl run` would, once, into a folder that is removed afterwards. Several checks use
/// the result.
final class RepositoryInspection: Sendable {
    /// The result for one project.
    struct Outcome: Sendable {
        var project: Project
        /// Its address without credentials.
        var place: String
        var commit: String?
        /// Nil where nothing could be read.
        var files: [String: ManifestFile]?
        var desired: DesiredState?
        /// Why the repository could not be read.
        var refusal: String?
        /// Skipped, because reading it needs the network.
        var isSkipped = false
    }

    private static let look: Duration = .seconds(10)
    private static let fetch: Duration = .seconds(30)
    /// The total limit: a look, a fetch and reading.
    static let limit: Duration = .seconds(60)
    static let mostFiles = 10_000

    private let settings: RunSettings?
    private let isOffline: Bool
    private let work = Mutex<Task<[Outcome], Never>?>(nil)

    init(_ settings: RunSettings?, isOffline: Bool) {
        self.settings = settings
        self.isOffline = isOffline
    }

    /// Nil where the settings cannot be read.
    func outcomes() async -> [Outcome]? {
        guard let settings else { return nil }
        let isOffline = isOffline
        let task = work.withLock { work in
            if let work { return work }
            let started = Task { await Self.read(settings, isOffline: isOffline) }
            work = started
            return started
        }
        return await task.value
    }

    /// The deployments of all projects; nil where a project could not be read.
    func deployments() async -> [ModelDeployment]? {
        guard let outcomes = await outcomes(), !outcomes.isEmpty else { return nil }
        var all: [ModelDeployment] = []
        for outcome in outcomes {
            guard let desired = outcome.desired else { return nil }
            all += desired.deployments.values
        }
        return all
    }

    func findings() async -> [Finding] {
        guard let outcomes = await outcomes() else {
            return [CheckID.repoReachable, .repoManifests].map { .notLookedAt($0, "the settings cannot be read") }
        }
        guard !outcomes.isEmpty else {
            return [CheckID.repoReachable, .repoManifests].map {
                .notLookedAt($0, "there is no project: give --repo, or projects: in the settings (--config)")
            }
        }
        return outcomes.flatMap { outcome -> [Finding] in
            let name = outcome.project.name == Project.defaultName ? nil : outcome.project.name
            guard !outcome.isSkipped else {
                return [CheckID.repoReachable, .repoManifests].map {
                    .notLookedAt($0, "\(outcome.place): it needs the network, but --offline was given")
                }
            }
            guard let commit = outcome.commit, let files = outcome.files else {
                return SourceFindings.repository(
                    .refused(message: outcome.refusal ?? "it could not be read"), of: name, at: outcome.place)
            }
            let mistakes = (outcome.desired?.diagnostics ?? []).map(\.description)
            return SourceFindings.repository(
                .read(commit: commit, manifests: files.count, mistakes: mistakes), of: name, at: outcome.place)
        }
    }

    // MARK: Reading

    private static func read(_ settings: RunSettings, isOffline: Bool) async -> [Outcome] {
        await withTaskGroup(of: (Int, Outcome).self) { group in
            for (index, project) in settings.projects.enumerated() {
                group.addTask { (index, await read(project, settings, isOffline: isOffline)) }
            }
            return await group.reduce(into: [Int: Outcome]()) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.map(
                \.value)
        }
    }

    private static func read(_ project: Project, _ settings: RunSettings, isOffline: Bool) async -> Outcome {
        let place = (try? GitLocation(project.repo))?.description ?? "the repository"
        var outcome = Outcome(project: project, place: place)
        do {
            let folder = try temporaryFolder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var configuration = try project.gitConfiguration(mirror: "\(folder)/mirror")
            configuration.timeouts = GitTimeouts(look: look, fetch: fetch, read: look)
            guard !isOffline || configuration.location.transport == .file else {
                outcome.isSkipped = true
                return outcome
            }
            let repository = GitRepository(configuration: configuration)
            let revision = try await repository.fetch()
            let files = try await repository.files(at: revision.commit)
            outcome.commit = revision.commit
            outcome.files = files
            guard files.count <= mostFiles else { return outcome }
            let parsed = files.sorted { $0.key < $1.key }.map { ManifestReader.read($1, path: $0) }
            outcome.desired = DesiredState.resolve(files: parsed, by: settings.rules(of: project))
        } catch let error as GitError {
            outcome.refusal = error.message
        } catch {
            outcome.refusal = "\(error)"
        }
        return outcome
    }

    private static func temporaryFolder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path(percentEncoded: false)
        var pattern = Array("\(folder.trimmingSlash)/mlctl-doctor-XXXXXX".utf8CString)
        guard mkdtemp(&pattern) != nil else {
            throw GitError(
                .diskFull, "a folder cannot be created in \(folder): \(String(cString: strerror(errno)).lowercased())")
        }
        return String(decoding: pattern.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
