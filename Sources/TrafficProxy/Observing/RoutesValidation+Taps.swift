import ModelManifests
import Serving

/// What is observed and mirrored, as a route may say it.
extension RoutesValidation {
    static func checkTaps(of route: ProxyRoute, limits: ProxyLimits) -> [String] {
        var problems: [String] = []
        if route.observations.count > limits.observationsPerRoute {
            problems.append("over \(limits.observationsPerRoute) observations")
        }
        if Set(route.observations.map(\.name)).count != route.observations.count {
            problems.append("an observation is there twice")
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
            problems.append("the bodies that are compared have no bound, or too large a one")
        }
        return problems
    }

    private static func check(_ observation: PredictionObservation) -> [String] {
        var problems: [String] = []
        if let most = observation.mostPerSecond, !(1...1_000_000).contains(most) {
            problems.append("it is observed not once a second, or over a million times")
        }
        if !(0...1).contains(observation.sample) { problems.append("its sample is not between 0 and 1") }
        if !(2...PredictionBuckets.countLimit).contains(observation.buckets.count) {
            problems.append("it does not have 2 to \(PredictionBuckets.countLimit) buckets, the rest included")
        }
        if case .edges(let edges) = observation.buckets, !zip(edges, edges.dropFirst()).allSatisfy({ $0 < $1 }) {
            problems.append("its edges are not ascending")
        }
        return problems
    }
}
