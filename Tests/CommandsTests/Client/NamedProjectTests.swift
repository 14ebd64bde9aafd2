import Testing

@testable import Commands

@Suite("A project that is not there")
struct NamedProjectTests {
    @Test("is told with those that are, and ends with a failure")
    func failure() {
        let slip = NamedProject.failure("rsik", among: ["risk", "ads"])
        #expect(slip.exit == .failed && slip.message == "there is no project 'rsik'; did you mean 'risk'?")
        #expect(NamedProject.failure("nope", among: ["risk", "ads"]).message.contains("ads, risk"))
        #expect(NamedProject.failure("nope", among: []).message.hasSuffix("there is none"))
    }
}
