import ModelManifests
import Testing

@testable import TrafficProxy

@Suite struct MatchedSharesTests {
    @Test(
        "who carries the value is the candidate's while it is judged, all others are the first revision's",
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
