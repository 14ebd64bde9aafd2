import ModelManifests
import Testing

@testable import TrafficProxy

@Suite struct MatchedSharesTests {
    @Test(
        "requests with the value go to the candidate while it is judged, and all others to the first revision",
        arguments: [
            ([95, 5], 1, 0), ([1, 99], 1, 0), ([100, 0], 0, 0), ([0, 100], 1, 1), ([100], 0, 0), ([0, 0], 0, 0),
            ([0, 60, 40], 2, 1), ([], 0, 0),
        ])
    func shares(weights: [Int], matching: Int, others: Int) {
        let shares = MatchedShares(weights: weights)
        #expect(shares.matching == matching)
        #expect(shares.others == others)
    }
}
