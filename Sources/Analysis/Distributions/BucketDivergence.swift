import RealModule

/// A divergence of two distributions over the same buckets: a sum over buckets of a term that is symmetric in both
/// shares.
protocol BucketDivergence {
    /// The term of one bucket. Shares are 0…1.
    static func term(_ p: Double, _ q: Double) -> Double
    /// The term's derivative in p. The derivative in q is the same with p and q exchanged. Shares are above 0.
    static func slope(_ p: Double, _ q: Double) -> Double
    /// For close distributions, the divergence is this factor times `Σ (p − q)² / q`.
    static var nearScale: Double { get }
}

extension BucketDivergence {
    /// - Parameters: the shares of equally many buckets, each summing to 1.
    static func divergence(_ p: [Double], _ q: [Double]) -> Double {
        max(0, zip(p, q).reduce(0) { $0 + term($1.0, $1.1) })
    }
}

/// The population stability index: `Σ (p − q) ln(p / q)`, in nats; Kullback–Leibler in both directions (Jeffreys 1946).
/// Common rules in credit scoring: under 0.1 is stable, over 0.2 or 0.25 has drifted. It is unbounded: a bucket that
/// one side never has makes it infinite.
enum PSI: BucketDivergence {
    static func term(_ p: Double, _ q: Double) -> Double { p == q ? 0 : (p - q) * .log(p / q) }

    static func slope(_ p: Double, _ q: Double) -> Double { .log(p / q) + 1 - q / p }

    static let nearScale = 1.0
}

/// Jensen–Shannon: the divergence in bits, and its square root, the distance (Endres and Schindelin 2003), as in
/// `scipy.spatial.distance.jensenshannon(base=2)`; 0…1.
enum JensenShannon: BucketDivergence {
    static func distance(_ p: [Double], _ q: [Double]) -> Double { divergence(p, q).squareRoot() }

    static func term(_ p: Double, _ q: Double) -> Double { (part(p, p + q) + part(q, p + q)) / 2 }

    private static func part(_ share: Double, _ sum: Double) -> Double {
        share > 0 ? share * .log2(2 * share / sum) : 0
    }

    static func slope(_ p: Double, _ q: Double) -> Double { .log2(2 * p / (p + q)) / 2 }

    static let nearScale = 1 / (8 * Double.log(2))
}
