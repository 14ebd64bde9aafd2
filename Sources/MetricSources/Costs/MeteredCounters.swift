import ControlPorts
import ModelManifests
import Serving

/// Adds readings of what instances cost to the readings of another source.
///
/// # Errors
/// Those of the wrapped source. A cost that cannot be measured has no reading.
package actor MeteredCounters: MetricSource {
    private let counters: any MetricSource
    private let costs: @Sendable (DeploymentKey) async -> [ProcessCost]
    private let elapsed: @Sendable () -> Duration
    private let epoch: String
    private var meters: [DeploymentKey: CostMeter] = [:]

    /// - Parameters:
    ///   - epoch: unique for each meter that ever existed.
    ///   - costs: what the instances of a deployment have used so far.
    package init<C: Clock>(
        _ counters: any MetricSource, epoch: String, clock: C = ContinuousClock(),
        costs: @escaping @Sendable (DeploymentKey) async -> [ProcessCost]
    ) where C.Duration == Duration {
        let start = clock.now
        elapsed = { start.duration(to: clock.now) }
        self.counters = counters
        self.epoch = epoch
        self.costs = costs
    }

    package func readings(for deployment: DeploymentKey) async throws -> [Reading] {
        let counted = try await counters.readings(for: deployment)
        let used = await costs(deployment)
        guard !used.isEmpty else {
            meters[deployment] = nil
            return counted
        }
        var meter = meters[deployment] ?? CostMeter(epoch: epoch)
        let measured = meter.look(atSeconds: elapsed() / .seconds(1), used, counted)
        meters[deployment] = meter
        return counted + measured
    }
}
