import Controller
import ModelManifests
import Serving

/// Readings from the traffic proxy's own counters.
///
/// The proxy reports on all deployments at once. Those who ask while a report is under way share it, and it is good for
/// `freshness` after that: a thousand deployments that look at once ask the proxy once.
///
/// # Errors
/// Those of the report, to all who share it. An error is not kept: the next look asks again.
public actor ProxyCounters: MetricSource {
    public static let defaultFreshness: Duration = .milliseconds(50)

    private typealias ReadingsByDeployment = [DeploymentKey: [Reading]]

    private enum State {
        case unknown
        case asking(Task<ReadingsByDeployment, any Error>)
        case known(ReadingsByDeployment, at: Duration)
    }

    private let freshness: Duration
    private let elapsed: @Sendable () -> Duration
    private let report: @Sendable () async throws -> ProxyReport
    private var state = State.unknown

    /// - Parameter report: asks the proxy, within a time limit of its own.
    public init<C: Clock>(
        freshness: Duration = defaultFreshness, clock: C = ContinuousClock(),
        report: @escaping @Sendable () async throws -> ProxyReport
    ) where C.Duration == Duration {
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
        self.freshness = freshness
        self.report = report
    }

    public func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        try await current()[deployment] ?? []
    }

    private func current() async throws -> ReadingsByDeployment {
        switch state {
        case .known(let readings, let at) where elapsed() - at <= freshness:
            return readings
        case .asking(let task):
            return try await task.value
        case .unknown, .known:
            // Of no caller, so that one who is cancelled does not take the report from the others.
            let task = Task { try await ask() }
            state = .asking(task)
            return try await task.value
        }
    }

    private func ask() async throws -> ReadingsByDeployment {
        do {
            let readings = Self.readings(of: try await report())
            state = .known(readings, at: elapsed())
            return readings
        } catch {
            state = .unknown
            throw error
        }
    }

    private static func readings(of report: ProxyReport) -> ReadingsByDeployment {
        var readings: ReadingsByDeployment = [:]
        for instance in report.instances {
            readings[instance.deployment, default: []].append(
                Reading(
                    instance: instance.instance, revision: instance.revision, epoch: report.epoch,
                    counters: instance.counters, failedRequestIds: instance.failedRequestIds))
        }
        return readings
    }
}
