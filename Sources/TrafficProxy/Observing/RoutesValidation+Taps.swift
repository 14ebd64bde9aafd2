import ModelManifests
import Serving

/// Checks the observations and mirrors of a route.
extension RoutesValidation {
    static func checkTaps(of route: ProxyRoute, limits: ProxyLimits) -> [String] {
        var problems: [String] = []
        if route.observations.count > limits.observationsPerRoute {
            problems.append("over \(limits.observationsPerRoute) observations")
        }
        if Set(route.observations.map(\.name)).count != route.observations.count {
            problems.append("an observation is listed twice")
        }
        problems += route.observations.flatMap { observation in
            check(observation).map { "observation \(observation.name): \($0)" }
        }
        if route.revisions.contains(where: { !(0...100).contains($0.mirror) }) {
            problems.append("a mirrored share is not between 0 and 100")
        }
        if !(route.comparison.tolerance >= 0 && route.comparison.tolerance.isFinite) {
            problems.append("the comparison's tolerance is not 0 or more")
        }
        if !(route.comparison.range > 0 && route.comparison.range.isFinite) {
            problems.append("the comparison's range is not over 0")
        }
        if !(1...ShadowComparison.largestMaxBodyBytes).contains(route.comparison.maxBodyBytes) {
            problems.append(
                "maxBodyBytes of the comparison is not between 1 and \(ShadowComparison.largestMaxBodyBytes)")
        }
        return problems
    }

    private static func check(_ observation: PredictionObservation) -> [String] {
        var problems: [String] = []
        if let most = observation.mostPerSecond, !(1...1_000_000).contains(most) {
            problems.append("its rate is not between 1 and 1,000,000 per second")
        }
        if !(0...1).contains(observation.sample) { problems.append("its sample is not between 0 and 1") }
        if !(2...PredictionBuckets.countLimit).contains(observation.buckets.count) {
            problems.append(
                "it does not have 2 to \(PredictionBuckets.countLimit) buckets, including the one for the rest")
        }
        if case .edges(let edges) = observation.buckets, !zip(edges, edges.dropFirst()).allSatisfy({ $0 < $1 }) {
            problems.append("its edges are not ascending")
        }
        return problems
    }
}
