import Foundation
import Glibc
import ModelManifests
import Serving

extension LocalBackend {
    /// Does what is to be done now for one deployment, and tells the proxy. Waits for nothing outside.
    func reconcile(_ deployment: DeploymentKey) async throws {
        let view = await proxy.view
        noteFailedRequests(deployment, view)
        // A failure must not keep the routes from following what is so.
        var failure: (any Error)?
        for _ in 0..<Self.maximumRounds {
            let seen = seenInstances(of: deployment, view)
            let plan = records[deployment]?.plan
            var hasActed = false
            for action in LocalReconciliation(plan: plan, instances: seen).actions {
                do {
                    hasActed = try carryOut(action, deployment) || hasActed
                } catch {
                    failure = failure ?? error
                }
            }
            if !hasActed || failure != nil { break }
        }
        await updateRoute(deployment, view)
        if let failure { throw failure }
        forgetIfGone(deployment)
    }

    private func updateRoute(_ deployment: DeploymentKey, _ view: ProxyView) async {
        guard let record = records[deployment], let plan = record.plan else { return }
        let seen = seenInstances(of: deployment, view)
        // A port that is refused leaves the endpoint where it was, if it was anywhere.
        let route = record.port.flatMap {
            RouteComposition.route(plan: plan, port: $0, previewPort: record.previewPort, instances: seen)
        }
        routeVersion += 1
        await proxy.want(route, for: deployment, version: routeVersion)
    }

    /// - Returns: whether it changed anything.
    private func carryOut(_ action: LocalReconciliation.Action, _ deployment: DeploymentKey) throws -> Bool {
        switch action {
        case .create(let revision): return try create(revision, deployment)
        case .fetchFiles(let id): return fetchFiles(id)
        case .launch(let id): return launch(id)
        case .retire(let id): return try retire(id)
        case .stop(let id):
            try instances[id]?.folder.askToStop()
            instances[id]?.noteAskedToStop()
            return true
        case .remove(let id): return try remove(id)
        }
    }

    private func create(_ revision: Revision, _ deployment: DeploymentKey) throws -> Bool {
        guard var record = records[deployment],
            let wanted = record.plan?.revisions.first(where: { $0.revision == revision })
        else { return false }
        let (id, number) = try makeFolder(revision, from: record)
        record.nextNumber = number + 1
        try write(record)
        let folder = state.instance(id)
        let spec = InstanceSpec(
            id: id, deployment: deployment, revision: revision, number: number, template: wanted.template,
            modelFolder: nil, inherited: inherited, mark: try state.mark(ofServer: id), createdAt: Date())
        do {
            try StateFile.write(spec, to: folder.spec)
        } catch {
            rmdir(folder.path)
            throw error
        }
        try? watch?.add(folder.path, tag: id)
        instances[id] = TrackedInstance(spec: spec, folder: folder)
        logger.info(
            "instance created",
            metadata: ["namespace": "\(deployment.namespace)", "name": "\(deployment.name)", "instance": "\(id)"])
        changed.yield(deployment)
        return true
    }

    /// A new folder's name is the instance's: two namespaces may have one name and one revision.
    private func makeFolder(_ revision: Revision, from record: DeploymentRecord) throws -> (id: String, number: Int) {
        for number in record.nextNumber..<(record.nextNumber + 1000) {
            let id = InstanceSpec.id(record.deployment, revision, number: number)
            if mkdir(state.instance(id).path, 0o700) == 0 { return (id, number) }
            guard errno == EEXIST else { break }
        }
        throw LocalServingError(
            .stateUnreadable,
            "no folder can be made in \(state.instances): \(SystemError.last). Check its space and owner.",
            retry: .waiting)
    }

    private func launch(_ id: String) -> Bool {
        let now = clock.now
        guard var instance = instances[id], instance.nextLaunchAt.map({ $0 <= now }) ?? true else { return false }
        do {
            instance.noteLaunch(try launcher.launch(.keeper(instance: id)), now: now)
            problems[instance.spec.deployment] = nil
        } catch {
            instance.noteFailedLaunch(now: now)
            problems[instance.spec.deployment] = "a keeper cannot be started: \(error)"
        }
        instances[id] = instance
        return true
    }

    private func retire(_ id: String) throws -> Bool {
        guard var instance = instances[id] else { return false }
        let keepsLogs = records[instance.spec.deployment]?.keepsLogsOf.contains(instance.spec.revision) ?? false
        let leaving = InstanceLeaving(since: Date(), keepsLogs: keepsLogs)
        try StateFile.write(leaving, to: instance.folder.leaving)
        instance.noteLeaving(leaving, now: clock.now)
        instances[id] = instance
        eventSink.yield(.tick)
        changed.yield(instance.spec.deployment)
        return true
    }

    private func remove(_ id: String) throws -> Bool {
        guard let instance = instances[id] else { return false }
        let deployment = instance.spec.deployment
        let keepsLogs =
            instance.keepsLogs || records[deployment]?.keepsLogsOf.contains(instance.spec.revision) == true
        try KeptLogs(state: state).keep(
            instance.spec, keepsLogs: keepsLogs, failedRequestIds: instance.failedRequestIds, now: Date())
        // The journal goes first: a folder without one is no instance.
        unlink(instance.folder.spec)
        try? FileManager.default.removeItem(atPath: instance.folder.path)
        instances[id] = nil
        logger.info(
            "instance removed",
            metadata: ["namespace": "\(deployment.namespace)", "name": "\(deployment.name)", "instance": "\(id)"])
        changed.yield(deployment)
        return true
    }

    private func forgetIfGone(_ deployment: DeploymentKey) {
        guard let record = records[deployment], record.isEmpty, tracked(deployment).isEmpty, record.plan != nil else {
            return
        }
        unlink(DeploymentRecord.path(deployment, in: state))
        records[deployment] = nil
        problems[deployment] = nil
        changed.yield(deployment)
    }

    private func noteFailedRequests(_ deployment: DeploymentKey, _ view: ProxyView) {
        for id in tracked(deployment).map(\.spec.id) {
            // The proxy forgets an instance when it is gone from its routes; what it said last counts.
            guard let ids = view.instances[id]?.failedRequestIds, !ids.isEmpty else { continue }
            instances[id]?.failedRequestIds = ids
        }
    }
}

// MARK: - Model files

extension LocalBackend {
    static let firstFetchDelay = Duration.seconds(1)
    static let waitingFetchDelay = Duration.seconds(15)

    private func fetchFiles(_ id: String) -> Bool {
        guard var instance = instances[id] else { return false }
        switch instance.fetch {
        case .running, .hopeless: return false
        case .waiting(let until, _) where clock.now < until: return false
        case .none, .waiting: break
        }
        instance.fetch = .running
        instances[id] = instance
        fetchSink.yield(id)
        return true
    }

    /// At most `maximumConcurrentFetches` at a time.
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
        let outcome: Result<URL?, any Error>
        do { outcome = .success(try await files.materialise(model)) } catch { outcome = .failure(error) }
        if Task.isCancelled { return }
        // It may have been removed meanwhile.
        guard var instance = instances[id] else { return }
        do {
            var spec = instance.spec
            spec.modelFolder = try outcome.get()?.path(percentEncoded: false) ?? instance.folder.work
            if spec.modelFolder == instance.folder.work { try StateFile.makeFolder(instance.folder.work) }
            try StateFile.write(spec, to: instance.folder.spec)
            instance.spec = spec
            instance.fetch = .none
        } catch {
            instance.fetch = Self.afterFailure(error, now: clock.now)
        }
        instances[id] = instance
        changed.yield(instance.spec.deployment)
        await reconcileInBackground(instance.spec.deployment)
    }

    private static func afterFailure(_ error: any Error, now: ContinuousClock.Instant) -> TrackedInstance.Fetch {
        let known = error as? any RetryableError
        let reason = known?.message ?? "the model's files cannot be fetched: \(error)"
        return switch known?.retryClass ?? .transient {
        case .terminal: .hopeless(reason)
        case .waiting: .waiting(until: now + waitingFetchDelay, reason: reason)
        case .transient: .waiting(until: now + firstFetchDelay, reason: reason)
        }
    }
}
