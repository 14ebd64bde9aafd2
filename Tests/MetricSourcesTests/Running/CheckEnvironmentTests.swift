import ModelManifests
import Rollouts
import Testing

@testable import MetricSources

@Suite struct CheckEnvironmentTests {
    private func environment(
        _ env: [(String, EnvironmentVariable.Value)], for inquiry: Inquiry = CheckFixture.inquiry()
    ) -> CheckEnvironment {
        let gate = CheckGate(
            command: ["x"], env: env.map { EnvironmentVariable(name: $0.0, value: $0.1) })
        return CheckEnvironment(
            gate, for: inquiry, inherited: ["PATH": "/bin", "SHELL": "/bin/sh"], workingFolder: "/models/2",
            secret: { "<\($0)>" })
    }

    @Test("a variable can use earlier ones, and its own inherited value")
    func order() {
        let variables = environment([
            ("LATE", .literal("$(NEXT)")), ("NEXT", .literal("1")), ("PATH", .literal("/opt:$(PATH)")),
            ("TOKEN", .secret("s")), ("HEADER", .literal("Bearer $(TOKEN)")),
        ]).variables
        #expect(variables["LATE"] == "$(NEXT)")
        #expect(variables["PATH"] == "/opt:/bin")
        #expect(variables["HEADER"] == "Bearer <s>")
        #expect(variables["SHELL"] == nil)
    }

    @Test("variables set by mlctl cannot be overwritten; the model's can")
    func facts() {
        let variables = environment([
            ("MLCTL_REVISION", .literal("other")), ("MLCTL_CANDIDATE_URL", .literal("other")),
            ("MODEL_NAME", .literal("mine")),
        ]).variables
        #expect(variables["MLCTL_REVISION"] == "bbbbbbbbbb")
        #expect(variables["MLCTL_CANDIDATE_URL"] == "http://127.0.0.1:20001")
        #expect(variables["MODEL_NAME"] == "mine")
    }

    @Test("without a stable revision, endpoint or address, its variable is missing")
    func absent() {
        let inquiry = CheckFixture.inquiry(candidate: nil, stable: nil, endpoint: nil)
        let environment = environment([], for: inquiry)
        let names = environment.variables.keys.filter { $0.hasPrefix("MLCTL_") }
        #expect(names == ["MLCTL_REVISION"])
        #expect(environment.expand("$(MLCTL_STABLE_URL)") == "$(MLCTL_STABLE_URL)")
    }

    @Test("secrets are redacted, except those so short that any text contains them")
    func redaction() {
        let environment = environment([("A", .secret("token")), ("B", .secret("x"))])
        #expect(environment.redactor.redacted("a <token> and <x>") == "a *** and <x>")
    }
}
