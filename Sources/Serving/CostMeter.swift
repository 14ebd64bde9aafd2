import ModelManifests

/// Measures what the instances of one deployment cost, over the same intervals in which their requests are counted.
///
/// Between two observations of a ready instance it adds CPU seconds, resident bytes times seconds, seconds, and
/// requests. Intervals with a gap (the server or the proxy restarted, the instance was not ready) are added to none of
/// the sums, so the quotient of any two sums stays a mean over the observed time. An instance is measured from
/// `settlingSeconds` after its first requests on, so that work done once at the first requests is not counted as a cost
/// of requests.
package struct CostMeter: Sendable {
    /// How long after a server's first requests its costs are left out.
    package static let settlingSeconds = 10.0
    /// The most instances that are measured. No deployment has more.
    static let instanceLimit = 512

    fileprivate struct Look: Sendable {
        var atSeconds: Double
        var cost: ProcessCost
        var requests: Int
        /// The epoch of the source that counts the requests.
        var epoch: String
    }

    fileprivate struct Meter: Sendable {
        var last: Look
        /// When its server was first seen to have answered a request.
        var busySince: Double?
        var cpuSeconds = 0.0
        var memoryByteSeconds = 0.0
        var seconds = 0.0
        var requests = 0
        /// CPU seconds since it was first seen, settling time included.
        var allCPUSeconds = 0.0
    }

    private let epoch: String
    private var meters: [String: Meter] = [:]

    /// - Parameter epoch: different for each meter, so that its counters are not taken for those of an earlier one.
    package init(epoch: String) { self.epoch = epoch }

    /// - Parameters:
    ///   - seconds: the time, from a clock that only rises.
    ///   - readings: the proxy's readings at the same moment.
    /// - Returns: the cumulative counters of each instance.
    package mutating func look(atSeconds seconds: Double, _ costs: [ProcessCost], _ readings: [Reading]) -> [Reading] {
        let counted = Dictionary(readings.map { ($0.instance, $0) }, uniquingKeysWith: { first, _ in first })
        let there = Set(costs.map(\.instance))
        meters = meters.filter { there.contains($0.key) }
        return costs.prefix(Self.instanceLimit).map { cost in
            let reading = counted[cost.instance]
            let look = Look(
                atSeconds: seconds, cost: cost, requests: reading?.counters.allRequests ?? 0,
                epoch: reading?.epoch ?? "")
            var meter = meters[cost.instance] ?? Meter(last: look)
            meter.advance(to: look)
            meters[cost.instance] = meter
            return self.reading(of: meter)
        }
    }

    private func reading(of meter: Meter) -> Reading {
        let cost = meter.last.cost
        return Reading(
            instance: Reading.cost(cost.instance), revision: cost.revision, epoch: epoch,
            counters: RequestCounters(named: [
                CostCounter.cpuSeconds: meter.cpuSeconds, CostCounter.memoryByteSeconds: meter.memoryByteSeconds,
                CostCounter.instanceSeconds: meter.seconds, CostCounter.requests: Double(meter.requests),
            ]), cost: InstanceCost(cpuSeconds: meter.allCPUSeconds, memoryBytes: cost.memoryBytes))
    }
}

extension CostMeter.Meter {
    fileprivate mutating func advance(to look: CostMeter.Look) {
        defer { last = look }
        let isSameServer = look.cost.server == last.cost.server
        if !isSameServer { busySince = nil }
        let cpu = look.cost.cpuSeconds - last.cost.cpuSeconds
        if isSameServer, cpu > 0 { allCPUSeconds += cpu }
        let answered = look.requests - last.requests
        if busySince == nil, look.cost.isReady, isSameServer ? look.requests > 0 : answered > 0 {
            busySince = look.atSeconds
        }
        let elapsed = look.atSeconds - last.atSeconds
        guard isSameServer, look.epoch == last.epoch, look.cost.isReady, last.cost.isReady, let busySince,
            last.atSeconds - busySince >= CostMeter.settlingSeconds, elapsed > 0, cpu >= 0, answered >= 0
        else { return }
        cpuSeconds += cpu
        seconds += elapsed
        memoryByteSeconds += Double(last.cost.memoryBytes + look.cost.memoryBytes) / 2 * elapsed
        requests += answered
    }
}

extension RequestCounters {
    /// All requests that the instance was given, including recorded requests and those whose clients gave up.
    fileprivate var allRequests: Int {
        let users = every.map { $0.requests + ($0.abandoned.first ?? 0) } ?? requests + abandonedTotal
        return users + (synthetic?.requests ?? 0)
    }
}
