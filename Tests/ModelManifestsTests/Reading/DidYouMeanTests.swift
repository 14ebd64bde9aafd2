import Testing

@testable import ModelManifests

@Suite struct DidYouMeanTests {
    private let names = ["replicas", "resources", "rollout", "runtime", "setWeight", "steps"]

    @Test(arguments: [
        ("replica", "replicas"), ("Replicas", "replicas"), ("relpicas", "replicas"), ("weight", "setWeight"),
        ("set_weight", "setWeight"), ("step", "steps"), ("resorces", "resources"),
    ])
    func `a slip finds the name that was meant`(_ written: String, _ meant: String) {
        #expect(DidYouMean.nearest(to: written, among: names) == meant)
    }

    @Test(arguments: ["image", "x", "", "zzzzzzzz", String(repeating: "replicas", count: 100)])
    func `what is near to nothing finds nothing`(_ written: String) {
        #expect(DidYouMean.nearest(to: written, among: names) == nil)
    }

    @Test func `a word of another controller finds ours, where there is one`() {
        #expect(DidYouMean.nearest(to: "direction", among: ["label", "better"]) == "better")
        #expect(DidYouMean.nearest(to: "metric", among: ["of", "per"]) == "of")
        #expect(DidYouMean.nearest(to: "metric", among: ["observe", "distance", "max"]) == "distance")
        #expect(DidYouMean.nearest(to: "canaryTrafficPercent", among: ["traffic", "rollout"]) == "rollout")
        #expect(DidYouMean.nearest(to: "provider", among: ["query"]) == nil)
    }

    @Test func `a swap of neighbours is one slip`() {
        #expect(DidYouMean.editDistance(Array("steps".utf8), Array("setps".utf8)) == 1)
        #expect(DidYouMean.editDistance(Array("".utf8), Array("abc".utf8)) == 3)
        #expect(DidYouMean.editDistance(Array("kitten".utf8), Array("sitting".utf8)) == 3)
    }

    @Test func `where nothing is near, all that there is is listed`() {
        #expect(
            DidYouMean.suggestion(for: "image", among: ["a", "b"], noun: "the fields here are")
                == "the fields here are: a, b")
    }
}
