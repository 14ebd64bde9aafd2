import Foundation
import ModelManifests
import ModelStorage
import Serving

/// Fetches model files in the background.
extension LocalBackend {
    /// - Returns: whether a fetch was started.
    func fetchFiles(_ id: String) -> Bool {
        guard var instance = instances[id] else { return false }
        switch instance.fetch {
        case .running: return false
        case .waiting(let until, _) where clock.now < until: return false
        case .none, .waiting: break
        }
        instance.noteFetch()
        instances[id] = instance
        fetchSink.yield(id)
        return true
    }

    /// Runs at most `maximumConcurrentFetches` fetches at a time. They call the model store, which has limits of its own.
    func runFetches() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await id in fetchRequests {
                if running >= Self.maximumConcurrentFetches {
                    await group.next()
                    running -= 1
                }
                group.addTask { await self.fetch(id) }
                running += 1
            }
            group.cancelAll()
        }
    }

    private func fetch(_ id: String) async {
        guard let model = instances[id]?.spec.template.model else { return }
        let (departures, departure) = AsyncStream.makeStream(of: Void.self)
        fetchDepartures[id] = departure
        let outcome = await outcome(of: model, unless: departures)
        fetchDepartures[id] = nil
        // The task was cancelled or the instance was removed meanwhile: the result is not needed.
        guard !Task.isCancelled, let outcome, var instance = instances[id] else { return }
        do {
            var spec = instance.spec
            let files = try outcome.get()?.path(percentEncoded: false)
            var shown: (folder: String, view: ModelView?)?
            if let files { shown = try await view(of: files, for: instance) }
            guard !Task.isCancelled, let current = instances[id] else { return }
            instance = current
            spec = instance.spec
            spec.modelFolder = shown?.folder ?? instance.folder.work
            spec.view = shown?.view
            if spec.modelFolder == instance.folder.work { try StateFile.makeFolder(instance.folder.work) }
            try StateFile.write(spec, to: instance.folder.spec)
            instance.spec = spec
            instance.noteFetched()
        } catch {
            instance.noteFailedFetch(error, now: clock.now)
        }
        instances[id] = instance
        changed.yield(instance.spec.deployment)
        await reconcileInBackground(instance.spec.deployment)
        eventSink.yield(.tick)
    }

    /// Decides how the server sees the files. All servers of the same files share the cache, and a server may run as this user or
    /// as root, so it must not be able to write there.
    private func view(of files: String, for instance: TrackedInstance) async throws -> (
        folder: String, view: ModelView?
    ) {
        guard files.hasPrefix(state.models + "/") else { return (files, nil) }
        guard !canMount else { return (files, .mount) }
        let copy = instance.folder.model
        let made = try await ModelCopy.make(of: files, at: copy)
        logger.info(
            "model copied for one instance: mounts are not permitted here",
            metadata: [
                "instance": "\(instance.spec.id)", "bytes": "\(made.bytes)",
                "extra disk space": "\(made.sharesBlocks ? "none, until it is changed" : "\(made.bytes) bytes")",
            ])
        return (copy, .copy)
    }

    /// - Returns: nil if `departures` ended first.
    private nonisolated func outcome(
        of model: ModelSource, unless departures: AsyncStream<Void>
    ) async -> Result<URL?, any Error>? {
        await withTaskGroup(of: Result<URL?, any Error>?.self) { group in
            group.addTask { [files] in
                do { return .success(try await files.materialise(model)) } catch { return .failure(error) }
            }
            group.addTask {
                for await _ in departures {}
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}

/// The source of model files.
package protocol ModelFiles: Sendable {
    /// The digest of the files at the model's URI now. Nil if the model has no URI, or if its content cannot change.
    func pin(_ model: ModelSource) async throws -> Digest?
    /// Whether the files at the model's URI are still those of the digest. It downloads nothing.
    func check(_ model: ModelSource, against digest: Digest) async throws -> ModelSourceCheck
    /// A folder with the model's files, verified and read-only. Nil if the model has no files.
    func materialise(_ model: ModelSource) async throws -> URL?
}

extension ModelFiles {
    package func check(_ model: ModelSource, against digest: Digest) async throws -> ModelSourceCheck { .unknown }
}
