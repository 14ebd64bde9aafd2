import JSON
import Testing

@testable import ModelManifests

@Suite struct PredictionBucketsTests {
    @Test("buckets are named after the values in them, including the rest")
    func labels() {
        let edges = PredictionBuckets.edges([0.1, 25])
        #expect(
            (0..<edges.count).map { edges.label($0, of: "score") } == ["score ≤ 0.1", "0.1 < score ≤ 25", "score > 25"])
        let classes = PredictionBuckets.classes(["cat"])
        #expect((0..<classes.count).map { classes.label($0, of: "pet") } == ["pet 'cat'", "pet of another class"])
    }

    @Test("the option of 'mlctl profile' that uses the same buckets")
    func profileOption() {
        #expect(PredictionBuckets.edges([-0.5, 0, 1e20]).profileOption == "--buckets -0.5,0,1e+20")
        #expect(PredictionBuckets.classes(["cat", "dog"]).profileOption == "--classes 'cat,dog'")
    }

    @Test("gates on predictions take the buckets of the observation, unless a profile sets them")
    func looking() {
        let buckets = PredictionBuckets.edges([0.5])
        let observations = [PredictionObservation(name: "score", path: JSONPath(steps: []), buckets: buckets)]
        let known = GateSpec.Kind.distribution(DistributionGate(observe: "score")).looking(at: observations)
        #expect(known == .distribution(DistributionGate(observe: "score", buckets: buckets)))
        let drift = GateSpec.Kind.drift(DriftGate(observe: "score")).looking(at: observations)
        #expect(drift == .drift(DriftGate(observe: "score", buckets: buckets)))
        let profile = PredictionProfile(buckets: buckets, counts: [1, 1])
        let recorded = GateSpec.Kind.drift(DriftGate(observe: "score", reference: .profile(profile)))
        #expect(recorded.looking(at: observations) == recorded)
        let other = GateSpec.Kind.drift(DriftGate(observe: "label")).looking(at: observations)
        #expect(other == .drift(DriftGate(observe: "label")))
        let contract = GateSpec.Kind.contract(ContractGate()).looking(at: observations)
        #expect(contract == .contract(ContractGate()))
    }
}
