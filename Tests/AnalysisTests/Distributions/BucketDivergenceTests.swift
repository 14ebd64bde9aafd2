import Testing

@testable import Analysis

@Suite struct BucketDivergenceTests {
    struct Reference: Sendable {
        var p: [Double]
        var q: [Double]
        var psi: Double
        var jensenShannon: Double
    }

    /// scipy 1.17.1: `(rel_entr(p, q) + rel_entr(q, p)).sum()` and `jensenshannon(p, q, base=2)`.
    static let references = [
        Reference(
            p: [0.1, 0.2, 0.3, 0.4], q: [0.25, 0.25, 0.25, 0.25], psi: 0.22821740957339182,
            jensenShannon: 0.20050332253142814),
        Reference(p: [0.5, 0.3, 0.2], q: [0.2, 0.3, 0.5], psi: 0.5497744391244931, jensenShannon: 0.3095409536771482),
        Reference(
            p: [0.62, 0.28, 0.1], q: [0.41, 0.35, 0.24], psi: 0.22503375867310527, jensenShannon: 0.19946305080538138),
        Reference(
            p: Array(repeating: 1.0 / 6, count: 6), q: [0.05, 0.1, 0.15, 0.2, 0.25, 0.25], psi: 0.2499294472612149,
            jensenShannon: 0.20855248938822918),
        Reference(
            p: [0.999, 0.0005, 0.0005], q: [0.9, 0.05, 0.05], psi: 0.46624348992992115,
            jensenShannon: 0.21980778096510242),
        Reference(p: [0, 0.5, 0.5], q: [0.5, 0.5, 0], psi: .infinity, jensenShannon: 0.7071067811865476),
    ]

    @Test("both agree with scipy to nine digits, and are symmetric", arguments: references)
    func agreesWithScipy(_ reference: Reference) {
        for (p, q) in [(reference.p, reference.q), (reference.q, reference.p)] {
            #expect(PSI.divergence(p, q) == reference.psi || abs(PSI.divergence(p, q) - reference.psi) < 1e-9)
            #expect(abs(JensenShannon.distance(p, q) - reference.jensenShannon) < 1e-9)
        }
    }

    @Test("equal distributions have distance 0, disjoint ones the largest distance")
    func ends() {
        #expect(PSI.divergence([0.3, 0.7, 0], [0.3, 0.7, 0]) == 0)
        #expect(JensenShannon.distance([0.3, 0.7, 0], [0.3, 0.7, 0]) == 0)
        #expect(JensenShannon.distance([1, 0], [0, 1]) == 1)
    }

    @Test(
        "slopes are the derivatives, and close distributions have a multiple of χ²",
        arguments: [(0.1, 0.2), (0.5, 0.3), (0.02, 0.6)])
    func derivatives(p: Double, q: Double) {
        func check(_ divergence: (some BucketDivergence).Type) {
            let step = 1e-5
            let slope = (divergence.term(p + step, q) - divergence.term(p - step, q)) / (2 * step)
            #expect(abs(divergence.slope(p, q) - slope) < 1e-4)
            // Σ (p − q)² / q times the scale, for close distributions.
            let near = divergence.divergence([q + 1e-4, 1 - q - 1e-4], [q, 1 - q])
            let chiSquare = 1e-8 / q + 1e-8 / (1 - q)
            #expect(abs(near / (divergence.nearScale * chiSquare) - 1) < 1e-2)
        }
        check(PSI.self)
        check(JensenShannon.self)
    }
}
