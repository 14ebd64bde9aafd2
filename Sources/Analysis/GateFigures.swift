import ModelManifests
import RealModule

/// The numbers behind the verdict of a gate that decides by odds, for drawings. The text of the reason has the same numbers.
package struct GateFigures: Hashable, Codable, Sendable {
    /// The evidence against one hypothesis. The gate decides when `log` reaches `boundaryLog`.
    package struct Odds: Hashable, Codable, Sendable {
        /// The hypothesis, for example `being within tolerance`.
        package var against: String
        /// The natural logarithm of the odds, within ±`GateFigures.largestLog`.
        package var log: Double
        package var boundaryLog: Double

        package init(against: String, log: Double, boundaryLog: Double) {
            self.against = against
            self.log = log
            self.boundaryLog = boundaryLog
        }
    }

    /// What one side has counted since the rollout began, for display only.
    package struct Side: Hashable, Codable, Sendable {
        package var count: Double
        package var hits: Double

        package init(count: Double, hits: Double) {
            self.count = count
            self.hits = hits
        }

        package var rate: Double { count > 0 ? hits / count : 0 }
    }

    /// The rates of both sides, and the two limits for the candidate at stable's rate.
    package struct Rates: Hashable, Codable, Sendable {
        /// For example `errors`.
        package var what: String
        package var stable: Side
        package var candidate: Side
        /// The highest rate of the candidate that is within tolerance.
        package var tolerated: Double
        /// A pass excludes rates of the candidate above this.
        package var excludedAbove: Double

        package init(what: String, stable: Side, candidate: Side, tolerated: Double, excludedAbove: Double) {
            self.what = what
            self.stable = stable
            self.candidate = candidate
            self.tolerated = tolerated
            self.excludedAbove = excludedAbove
        }
    }

    /// The latest latencies of both sides at common bucket edges.
    package struct Latencies: Hashable, Codable, Sendable {
        package var quantile: Double
        /// In seconds, ascending.
        package var edges: [Double]
        /// Requests at or under each edge, and the total at the end.
        package var stable: [Int]
        package var candidate: [Int]

        package init(quantile: Double, edges: [Double], stable: [Int], candidate: [Int]) {
            self.quantile = quantile
            self.edges = edges
            self.stable = stable
            self.candidate = candidate
        }
    }

    package static let largestLog = 700.0

    /// The gate's name.
    package var gate: String
    package var fail: Odds
    package var pass: Odds
    /// The candidate's samples, and how many a pass needs at least.
    package var samples: Int
    package var minSamples: Int
    package var rates: Rates?
    package var latencies: Latencies?

    package init(
        gate: String, fail: Odds, pass: Odds, samples: Int, minSamples: Int, rates: Rates? = nil,
        latencies: Latencies? = nil
    ) {
        self.gate = gate
        self.fail = fail
        self.pass = pass
        self.samples = samples
        self.minSamples = minSamples
        self.rates = rates
        self.latencies = latencies
    }
}

/// The evidence of a gate that decides by odds, in the form that a drawing needs.
struct OddsFigures {
    var fail: String
    var logFail: Double
    var pass: String
    var logPass: Double
    var minSamples: Int
    var rates: GateFigures.Rates?
    var latencies: GateFigures.Latencies?

    func figures(of gate: String, samples: Int, _ rates: EvidenceRates) -> GateFigures {
        func odds(_ against: String, _ log: Double, at rate: Double) -> GateFigures.Odds {
            GateFigures.Odds(against: against, log: Self.drawable(log), boundaryLog: Self.drawable(-.log(rate)))
        }
        return GateFigures(
            gate: gate, fail: odds(fail, logFail, at: rates.alpha),
            pass: odds(pass, logPass, at: rates.missedRegressionRate), samples: samples, minSamples: minSamples,
            rates: self.rates, latencies: latencies)
    }

    /// JSON has no infinity, and a drawing has an end.
    private static func drawable(_ log: Double) -> Double {
        log.isNaN ? 0 : min(max(log, -GateFigures.largestLog), GateFigures.largestLog)
    }
}
