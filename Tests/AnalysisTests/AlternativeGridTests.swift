import Foundation
import Testing

@testable import Analysis

@Suite struct AlternativeGridTests {
    @Test("steps beyond the edge are steps on the arcsine scale, up to a rate of 0.999", arguments: [0.03, 0.26, 0.8])
    func arcsine(h: Double) {
        let alternative = AlternativeGrid.Alternative(aim: .beyondEdge(h: h), prior: 1)
        for edge in [1e-6, 0.001, 0.0111, 0.22, 0.6, 0.97, 0.998, 0.9995] {
            let angle = min(asin(edge.squareRoot()) + h / 2, asin(0.999.squareRoot()))
            let expected = max(edge, pow(sin(angle), 2))
            #expect(abs(alternative.candidateRate(edge, edge) - expected) < 1e-12)
        }
    }

    @Test("odds over the edge are multiplied")
    func odds() {
        let alternative = AlternativeGrid.Alternative(aim: .oddsOverEdge(3), prior: 1)
        #expect(abs(alternative.candidateRate(0.1, 0.25) - 0.5) < 1e-15)
    }
}
