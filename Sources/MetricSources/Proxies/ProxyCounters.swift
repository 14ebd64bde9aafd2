import ControlPorts
import ModelManifests
import Serving

/// One proxy's answer.
package struct ProxyAnswer: Hashable, Sendable {
    /// The proxy's name; nil if there is only one proxy.
    package var proxy: String?
    package var report: ProxyReport

    package init(proxy: String? = nil, report: ProxyReport) {
        self.proxy = proxy
        self.report = report
    }
}

/// Readings from the traffic proxies' own counters.
///
/// Each proxy counts for itself: an instance behind two proxies has two readings, and so does a revision that could not serve
/// requests (`Reading.unserved`). One report covers all deployments. Callers share a report that is being fetched, and it is
/// reused for `freshness` after that. A thousand deployments that ask at the same time cause one request to the proxy.
///
/// # Errors
/// Those of the report, for all callers that share it. An error is not cached: the next call asks again.
package actor ProxyCounters: MetricSource {
    package static let defaultFreshness: Duration = .milliseconds(50)

    private typealias ReadingsByDeployment = [DeploymentKey: [Reading]]

    private enum State {
        case unknown
        case asking(Task<ReadingsByDeployment, any Error>)
        case known(ReadingsByDeployment, at: Duration)
    }

    private let freshness: Duration
    private let elapsed: @Sendable () -> Duration
    private let answers: @Sendable () async throws -> [ProxyAnswer]
    private var state = State.unknown

    /// - Parameter report: asks the only proxy, within its own time limit.
    package init<C: Clock>(
        freshness: Duration = defaultFreshness, clock: C = ContinuousClock(),
        report: @escaping @Sendable () async throws -> ProxyReport
    ) where C.Duration == Duration {
        self.init(freshness: freshness, clock: clock, answers: { [ProxyAnswer(report: try await report())] })
    }

    /// - Parameter answers: asks all proxies, within a time limit. Proxies that do not answer are left out: a gap is not
    ///   evidence, and their counters continue.
    package init<C: Clock>(
        freshness: Duration = defaultFreshness, clock: C = ContinuousClock(),
        answers: @escaping @Sendable () async throws -> [ProxyAnswer]
    ) where C.Duration == Duration {
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
        self.freshness = freshness
        self.answers = answers
    }

    package func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        try await current()[deployment] ?? []
    }

    private func current() async throws -> ReadingsByDeployment {
        switch state {
        case .known(let readings, let at) where elapsed() - at <= freshness:
            return readings
        case .asking(let task):
            return try await task.value
        case .unknown, .known:
            // An unstructured task, so that one cancelled caller does not cancel the report for the others.
            let task = Task { try await ask() }
            state = .asking(task)
            return try await task.value
        }
    }

    private func ask() async throws -> ReadingsByDeployment {
        do {
            let readings = Self.readings(of: try await answers())
            state = .known(readings, at: elapsed())
            return readings
        } catch {
            state = .unknown
            throw error
        }
    }

    private static func readings(of answers: [ProxyAnswer]) -> ReadingsByDeployment {
        var readings: ReadingsByDeployment = [:]
        for answer in answers {
            for instance in answer.report.instances {
                readings[instance.deployment, default: []].append(
                    Reading(
                        instance: answer.proxy.map { "\(instance.instance)@\($0)" } ?? instance.instance,
                        revision: instance.revision, epoch: answer.report.epoch, counters: instance.counters,
                        failedRequestIds: instance.failedRequestIds, isOutlier: instance.outlier != nil))
            }
            for unavailable in answer.report.unavailable where unavailable.requests > 0 {
                let unserved = Reading.unserved(unavailable.revision)
                readings[unavailable.deployment, default: []].append(
                    Reading(
                        instance: answer.proxy.map { "\(unserved)@\($0)" } ?? unserved,
                        revision: unavailable.revision, epoch: answer.report.epoch,
                        counters: RequestCounters(
                            unavailable: unavailable.requests, errorsTogether: unavailable.together,
                            slices: unavailable.slices?.mapValues { SliceCounters(unavailable: $0) })))
            }
            for report in answer.report.users {
                let name = Reading.users(report.revision)
                let bounds = LatencyBounds.seconds
                readings[report.deployment, default: []].append(
                    Reading(
                        instance: answer.proxy.map { "\(name)@\($0)" } ?? name, revision: report.revision,
                        epoch: answer.report.epoch,
                        counters: RequestCounters(
                            latency: Array(repeating: 0, count: bounds.count), bounds: bounds, users: report.users)))
            }
            for report in answer.report.splits {
                let name = Reading.split(report.revision)
                readings[report.deployment, default: []].append(
                    Reading(
                        instance: answer.proxy.map { "\(name)@\($0)" } ?? name, revision: report.revision,
                        epoch: answer.report.epoch, counters: RequestCounters(), split: report.counters))
            }
        }
        return readings
    }
}
