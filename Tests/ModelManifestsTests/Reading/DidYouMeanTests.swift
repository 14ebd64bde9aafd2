import Testing

@testable import ModelManifests

@Suite struct DidYouMeanTests {
    private let names = ["replicas", "resources", "rollout", "runtime", "setWeight", "steps"]

    @Test(arguments: [
        ("replica", "replicas"), ("Replicas", "replicas"), ("relpicas", "replicas"), ("weight", "setWeight"),
        ("set_weight", "setWeight"), ("step", "steps"), ("resorces", "resources"),
    ])
    func `a typing error finds the right name`(_ written: String, _ meant: String) {
        #expect(DidYouMean.nearest(to: written, among: names) == meant)
    }

    @Test(arguments: ["image", "x", "", "zzzzzzzz", String(repeating: "replicas", count: 100)])
    func `a text unlike every name finds nothing`(_ written: String) {
        #expect(DidYouMean.nearest(to: written, among: names) == nil)
    }

    @Test func `a field name of another controller finds mlctl's, where there is one`() {
        #expect(DidYouMean.nearest(to: "direction", among: ["label", "better"]) == "better")
        #expect(DidYouMean.nearest(to: "metric", among: ["of", "per"]) == "of")
        #expect(DidYouMean.nearest(to: "metric", among: ["observe", "distance", "max"]) == "distance")
        #expect(DidYouMean.nearest(to: "canaryTrafficPercent", among: ["traffic", "rollout"]) == "rollout")
        #expect(DidYouMean.nearest(to: "provider", among: ["query"]) == nil)
    }

    @Test func `two swapped letters count as one error`() {
        #expect(DidYouMean.editDistance(Array("steps".utf8), Array("setps".utf8)) == 1)
        #expect(DidYouMean.editDistance(Array("".utf8), Array("abc".utf8)) == 3)
        #expect(DidYouMean.editDistance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
    }

    @Test func `without a similar name all names are listed`() {
        #expect(
            DidYouMean.suggestion(for: "image", among: ["a", "b"], noun: "the fields here are")
                == "the fields here are: a, b")
    }
}
