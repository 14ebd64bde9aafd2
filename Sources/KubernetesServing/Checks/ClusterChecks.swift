import Analysis
import ControlPorts
import Foundation
import KubernetesClient
import Logging
import ModelManifests
import Rollouts
import Synchronization
import Transport

/// Runs checks as Jobs in the namespaces of their deployments.
///
/// # Guarantees
/// - One run of a gate at a time: an earlier run is gone before the next begins.
/// - After a restart the controller, or the next leader, finds the run again.
/// - The exit code comes from the pod that mlctl's own Job controls. Objects that somebody else changed, deleted or replaced
///   decide nothing.
///
/// # Caveats
/// - Whoever may create pods and change their status in the namespace, or enter them, can still make a check report any result.
package final class ClusterChecks: SiteCheckRunner {
    /// For one cluster. Further checks wait; each running one is looked at every few seconds.
    static let atOnce = 16
    /// Deletions that wait; the next pass finds the others again.
    static let mostDeletions = 1024
    /// How long the pod of an earlier run may take to end.
    static let endLimit = Duration.seconds(60)
    static let look = Duration.seconds(1)
    /// The time limit of one request.
    static let patience = Duration.seconds(10)
    /// The events of a Job without pods are read at every so many looks.
    static let eventLooks = 10

    enum Kind: ManagedKind {
        static let resource = ResourceType.jobs
    }

    struct JobToDelete: Hashable, Sendable {
        var key: NamespacedName
        var uid: String
    }

    let api: KubernetesAPI
    let owners: any DeploymentOwners
    private let settings: ClusterServingSettings
    private let logger: Logger
    let jobs: ObjectCache<ManagedObject<Kind>>
    private let atWork = Mutex(0)
    private let doomed: AsyncStream<JobToDelete>
    private let doom: AsyncStream<JobToDelete>.Continuation
    private let underWay = Mutex<Set<JobToDelete>>([])

    package init(
        api: KubernetesAPI, owners: any DeploymentOwners, settings: ClusterServingSettings,
        logger: Logger = Logger(label: "mlctl.cluster.checks")
    ) {
        self.api = api
        self.owners = owners
        self.settings = settings
        self.logger = logger
        // If the controller may not list Jobs, the error appears where a Job is needed.
        var quiet = logger
        quiet.logLevel = .error
        jobs = ObjectCache(
            of: api, .init(namespace: settings.namespace, labelSelector: ObjectLabels.checkSelector),
            isMetadataOnly: true, indexedLabels: [ObjectLabels.deployment], logger: quiet)
        (doomed, doom) = AsyncStream.makeStream(
            of: JobToDelete.self, bufferingPolicy: .bufferingOldest(Self.mostDeletions))
    }

    private var stopwatch: ClientClock { api.stopwatch }
    private var once: KubernetesAPI { api.once(within: Self.patience) }

    /// Deletes Jobs that nobody wants any more, until its task is cancelled. Run it once.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.jobs.run() }
            for await job in doomed { await delete(job) }
        }
    }

    // MARK: - Taking away

    package func keep(only wanted: [Inquiry], of deployment: DeploymentKey) {
        let names = Set(wanted.map { CheckJobRendering.name(of: $0) })
        for job in jobs.all(label: ObjectLabels.deployment, value: deployment.name) {
            let metadata = job.metadata
            guard job.live.deployment == deployment, !names.contains(metadata.name), !job.live.isBeingDeleted,
                let uid = metadata.uid
            else { continue }
            let found = JobToDelete(key: metadata.key, uid: uid)
            if underWay.withLock({ $0.insert(found).inserted }), case .dropped = doom.yield(found) {
                underWay.withLock { _ = $0.remove(found) }
            }
        }
    }

    private func delete(_ job: JobToDelete) async {
        defer { underWay.withLock { _ = $0.remove(job) } }
        do {
            try await once.delete(.jobs, job.key, uid: job.uid)
        } catch {
            // The next pass finds it again.
            logger.debug("A check's Job was not deleted", metadata: ["job": "\(job.key)", "reason": "\(error)"])
        }
    }

    // MARK: - Running

    package func run(_ inquiry: Inquiry, _ gate: CheckGate) async -> CheckOutcome {
        do {
            try await takeTurn()
            defer { atWork.withLock { $0 -= 1 } }
            return try await outcome(inquiry, gate)
        } catch let error as ClusterServingError {
            return CheckOutcome(end: .undecided(error.message))
        } catch is CancellationError {
            return CheckOutcome(end: .undecided("the gate no longer asks for it"))
        } catch {
            return CheckOutcome(end: .undecided("\(error)"))
        }
    }

    private func takeTurn() async throws {
        while true {
            try Task.checkCancellation()
            let isTurn = atWork.withLock { atWork in
                guard atWork < Self.atOnce else { return false }
                atWork += 1
                return true
            }
            if isTurn { return }
            try await stopwatch.sleep(Self.look)
        }
    }

    private func outcome(_ inquiry: Inquiry, _ gate: CheckGate) async throws -> CheckOutcome {
        let (job, uid) = try await start(CheckJobRendering(inquiry: inquiry, gate: gate, settings: settings))
        logger.info("A check runs as a Job", metadata: ["job": "\(job.key)", "image": "\(job.image)"])
        switch try await follow(job, uid, gate) {
        case .lookAgain: return CheckOutcome(end: .undecided("it was not followed to its end"))
        case .exited(let code, let pod):
            let printed = await log(of: pod, job, gate)
            return CheckOutcome(end: .exited(code), metrics: printed.metrics, outputTail: printed.tail)
        case .undecided(let why, let pod):
            let printed = await log(of: pod, job, gate)
            return CheckOutcome(end: .undecided(why), metrics: printed.metrics, outputTail: printed.tail)
        }
    }

    private func log(of pod: String?, _ job: CheckJob, _ gate: CheckGate) async -> CheckLog.Printed {
        guard let pod else { return CheckLog.Printed() }
        return await CheckLog(api: api).printed(by: NamespacedName(namespace: job.key.namespace, name: pod), gate)
    }

    /// Follows the Job until it ends, or until `CheckPolling` gives up.
    private func follow(_ job: CheckJob, _ uid: String, _ gate: CheckGate) async throws -> CheckPolling.Step {
        var vigil = CheckPolling(limit: gate.timeout, now: stopwatch.elapsed())
        var said: String?
        var looks = 0
        while true {
            let sight = await sight(of: job, uid, gate, said)
            if case .word(.starting(nil)) = sight, looks.isMultiple(of: Self.eventLooks), looks > 0 {
                said = await saying(of: uid, in: job.key.namespace)
            }
            looks += 1
            switch vigil.step(sight, now: stopwatch.elapsed()) {
            case .lookAgain(let wait): try await stopwatch.sleep(wait)
            case let end: return end
            }
        }
    }

    private func sight(of job: CheckJob, _ uid: String, _ gate: CheckGate, _ said: String?) async -> CheckPolling.Sight
    {
        do {
            let seen = try await once.get(CheckJobObject.self, job.key)
            let pods = try await once.list(
                CheckPodObject.self,
                .init(namespace: job.key.namespace, labelSelector: "\(ObjectLabels.check)=\(job.key.name)"))
            return .word(
                CheckObservation(job: job, uid: uid, seen: seen, pods: pods.items, limit: gate.timeout, said: said).word
            )
        } catch let error as APIError where error.isRefusal {
            return .refused(ClusterServingError(error, about: "Job \(job.key)").message)
        } catch {
            return .away((error as? APIError)?.message ?? "\(error)")
        }
    }

    /// If a Job creates no pod, only its events say why.
    private func saying(of uid: String, in namespace: String?) async -> String? {
        let request = PodEvent.request(aboutPod: uid, namespace: namespace)
        guard let answer = try? await once.answer(to: request),
            let events = try? JSONDecoder().decode(ObjectList<PodEvent>.self, from: answer),
            let note = events.items.last(where: { $0.reason == "FailedCreate" })?.note
        else { return nil }
        let said = PodObservation.quoted(note)
        return note.contains("exceeded quota") ? "\(said). Raise the namespace's ResourceQuota" : said
    }
}
