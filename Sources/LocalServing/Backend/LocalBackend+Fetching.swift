import Foundation
import ModelManifests
import Serving

/// Model files, fetched beside everything else.
extension LocalBackend {
    /// - Returns: whether it changed anything.
    func fetchFiles(_ id: String) -> Bool {
        guard var instance = instances[id] else { return false }
        switch instance.fetch {
        case .running, .hopeless: return false
        case .waiting(let until, _) where clock.now < until: return false
        case .none, .waiting: break
        }
        instance.noteFetch()
        instances[id] = instance
        fetchSink.yield(id)
        return true
    }

    /// At most `maximumConcurrentFetches` at a time. They wait for the model store, which has its own bounds.
    func fetchAsAsked() async {
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
        // Cancelled, or its instance was removed meanwhile: nobody waits for it any more.
        guard !Task.isCancelled, let outcome, var instance = instances[id] else { return }
        do {
            var spec = instance.spec
            spec.modelFolder = try outcome.get()?.path(percentEncoded: false) ?? instance.folder.work
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

    /// - Returns: nil where `departures` ended first.
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
