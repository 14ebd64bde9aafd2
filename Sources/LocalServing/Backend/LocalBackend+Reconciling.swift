import Foundation
import Glibc
import ModelManifests
import ModelStorage
import Serving

extension LocalBackend {
    /// Carries out what is due now for one deployment, and updates the proxy's routes. Does not wait for the proxy or processes.
    ///
    /// Routes come first: taking traffic away must not wait for a disk that is slow, full or read-only.
    func reconcile(_ deployment: DeploymentKey) async throws {
        let view = await proxy.view
        recordProxyReports(deployment, view)
        await updateRoutes(deployment, view)
        // One failed action does not stop the others. Above all the routes must follow the observed state.
        var failure: (any Error)?
        func attempt(_ work: () throws -> Void) {
            do { try work() } catch { failure = failure ?? error }
        }
        finishHandoverIfDone(deployment)
        attempt { try save(deployment) }
        attempt { try saveEndpointPorts() }
        for instance in tracked(deployment) where instance.isLeavingUnsaved {
            attempt { try saveLeaving(instance.spec.id) }
        }
        for _ in 0..<Self.maximumRounds {
            let seen = observedInstances(of: deployment, view)
            let plan = planInForce(deployment)
            var hasActed = false
            for action in LocalReconciliation(plan: plan, instances: seen).actions {
                attempt { hasActed = try carryOut(action, deployment) || hasActed }
            }
            if !hasActed || failure != nil { break }
        }
        await updateRoutes(deployment, view)
        forgetIfGone(deployment)
        guard let failure else { return spaceReserve.restore() }
        // Even with a full disk, everything that served before must keep serving.
        if spaceReserve.releaseIfFull() {
            logger.warning("the disk is full: its reserve space was released", metadata: ["name": "\(deployment.name)"])
            return try await reconcile(deployment)
        }
        throw failure
    }

    /// Changes the routes of all deployments that share a port in one update, because the proxy accepts one route per port. A
    /// deployment that leaves one port moves to another, where yet another deployment may be, so this follows the whole chain.
    private func updateRoutes(_ deployment: DeploymentKey, _ view: ProxyView) async {
        var routes: [DeploymentKey: ProxyRoute?] = [:]
        var (keys, open) = (Set([deployment]), [deployment])
        while let key = open.popLast() {
            for other in neighbours(of: key) where keys.insert(other).inserted { open.append(other) }
        }
        for key in keys where records[key]?.plan != nil {
            let route = route(of: key, view)
            routes[key] = .some(route)
            toldPorts[key] = route?.port
        }
        guard !routes.isEmpty else { return }
        routeVersion += 1
        await proxy.want(routes, version: routeVersion, unplanned: unplanned)
    }

    /// - Returns: whether the action changed anything.
    private func carryOut(_ action: LocalReconciliation.Action, _ deployment: DeploymentKey) throws -> Bool {
        switch action {
        case .create(let revision): return try create(revision, deployment)
        case .fetchFiles(let id): return fetchFiles(id)
        case .launch(let id): return launch(id)
        case .retire(let id): return try retire(id)
        case .stop(let id):
            try instances[id]?.folder.requestStop()
            instances[id]?.noteStopRequested()
            return true
        case .restart(let id, let cause): return restart(id, cause)
        case .remove(let id): return try remove(id)
        }
    }

    private func create(_ revision: Revision, _ deployment: DeploymentKey) throws -> Bool {
        guard var record = records[deployment],
            let wanted = record.plan?.revisions.first(where: { $0.revision == revision })
        else { return false }
        let (id, number) = try makeFolder(revision, from: record)
        let folder = state.instance(id)
        record.nextNumber = number + 1
        // The instance number is stored before the instance exists, so that no later instance reuses it.
        do {
            try write(record)
        } catch {
            rmdir(folder.path)
            throw error
        }
        records[deployment] = record
        let spec = InstanceSpec(
            id: id, deployment: deployment, revision: revision, number: number, template: wanted.template,
            modelFolder: nil, inherited: inherited, mark: try state.mark(ofServer: id), secrets: secrets(deployment),
            createdAt: Date())
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

    /// Makes the instance's folder. Its name is the instance's ID. It must be new: two namespaces may have the same name and
    /// revision.
    private func makeFolder(_ revision: Revision, from record: DeploymentRecord) throws -> (id: String, number: Int) {
        for number in record.nextNumber..<(record.nextNumber + 1000) {
            let id = InstanceSpec.id(record.deployment, revision, number: number)
            if mkdir(state.instance(id).path, 0o700) == 0 { return (id, number) }
            guard errno == EEXIST else { break }
        }
        throw LocalServingError(
            .stateUnreadable,
            "no folder can be created in \(state.instances): \(SystemError.last). Check its space and owner.")
    }

    private func launch(_ id: String) -> Bool {
        let now = clock.now
        guard var instance = instances[id], !instance.isBeingLaunched, instance.nextLaunchAt.map({ $0 <= now }) ?? true
        else { return false }
        do {
            let logBytes = sizeOfFile(instance.folder.keeperLog)
            let process = try launcher.launch(.keeper(instance: id))
            children.append(process)
            instance.noteLaunch(process, logBytes: logBytes, now: now)
        } catch {
            instance.noteFailedLaunch("the keeper of this instance cannot be started: \(error)", now: now)
            changed.yield(instance.spec.deployment)
        }
        instances[id] = instance
        return true
    }

    private func restart(_ id: String, _ cause: OutlierCause) -> Bool {
        guard let instance = instances[id] else { return false }
        instances[id]?.noteRestartRequested()
        if instance.folder.requestRestart(cause) {
            logger.warning(
                "instance restarted because it is an outlier",
                metadata: ["instance": "\(id)", "cause": "\(cause.described)"])
        }
        return true
    }

    private func retire(_ id: String) throws -> Bool {
        guard var instance = instances[id] else { return false }
        let record = records[instance.spec.deployment]
        let leaving = InstanceLeaving(
            since: Date(), keepsLogs: record?.keepsLogsOf.contains(instance.spec.revision) ?? false,
            drainLimit: record?.drainLimit)
        instance.noteLeaving(leaving, now: clock.now)
        instance.isLeavingUnsaved = true
        instances[id] = instance
        eventSink.yield(.tick)
        changed.yield(instance.spec.deployment)
        try saveLeaving(id)
        return true
    }

    /// If the controller ends before this is written, the next one sees that the instance is not wanted and retires it again.
    private func saveLeaving(_ id: String) throws {
        guard let instance = instances[id], let leaving = instance.leaving else { return }
        try StateFile.write(leaving, to: instance.folder.leaving)
        instances[id]?.isLeavingUnsaved = false
    }

    private func remove(_ id: String) throws -> Bool {
        guard let instance = instances[id] else { return false }
        let deployment = instance.spec.deployment
        fetchDepartures[id]?.finish()
        let keepsLogs =
            instance.keepsLogs || records[deployment]?.keepsLogsOf.contains(instance.spec.revision) == true
        instances[id]?.isRemovalRefused = true
        try LogArchive(state: state).keep(
            instance.spec, keepsLogs: keepsLogs, failedRequestIds: instance.failedRequestIds, now: Date())
        // The copy is deleted before the journal file, so that a crash leaves no copy without an owner.
        try ModelCopy.remove(instance.folder.model)
        // The journal file is deleted before the folder: a folder without it does not count as an instance.
        guard unlink(instance.folder.spec) == 0 || errno == ENOENT else {
            throw LocalServingError(
                .stateUnreadable, "\(instance.folder.path) cannot be deleted: \(SystemError.last). Check its owner.",
                retry: .transient)
        }
        try? FileManager.default.removeItem(atPath: instance.folder.path)
        instances[id] = nil
        logger.info(
            "instance removed",
            metadata: ["namespace": "\(deployment.namespace)", "name": "\(deployment.name)", "instance": "\(id)"])
        changed.yield(deployment)
        return true
    }

    private func forgetIfGone(_ deployment: DeploymentKey) {
        guard let record = records[deployment], record.isEmpty, tracked(deployment).isEmpty, record.plan != nil,
            record.formerPlan == nil, record.plan.map(isAwaited) != true
        else { return }
        unlink(DeploymentRecord.path(deployment, in: state))
        records[deployment] = nil
        unsaved.remove(deployment)
        problems[deployment] = nil
        endpointProblems[deployment] = nil
        changed.yield(deployment)
    }

    /// Records the proxy's report on each instance, apart from its routes.
    private func recordProxyReports(_ deployment: DeploymentKey, _ view: ProxyView) {
        for id in tracked(deployment).map(\.spec.id) {
            if view.answers, view.instances[id]?.outlier == nil { instances[id]?.clearRestartRequest() }
            // The proxy forgets an instance that left its routes, so the last known IDs are kept.
            guard let ids = view.instances[id]?.failedRequestIds, !ids.isEmpty else { continue }
            instances[id]?.failedRequestIds = ids
        }
    }
}
