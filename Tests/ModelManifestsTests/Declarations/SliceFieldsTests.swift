import JSON
import ModelManifests
import Testing

@Suite struct SliceFieldsTests {
    private func problems(_ slices: String, _ more: String = "") -> [String] {
        Manifests.problems(Manifests.deployment(spec: "rollout: {slices: [\(slices)]}\(more)")).map { problem in
            problem.split(separator: " ", maxSplits: 1).last.map(String.init) ?? ""
        }
    }

    private func deployment(_ slices: String, _ more: String = "") throws -> ModelDeployment {
        try Manifests.only(Manifests.deployment(spec: "rollout: {slices: [\(slices)]}\(more)"))
    }

    private static let country = "{name: country, header: x-country, top: 20}"

    @Test
    func `slices use a header or a path in the request's JSON, with listed values or the most frequent ones`()
        throws
    {
        let found = try deployment("\(Self.country), {name: plan, path: parameters.plan, values: [free, paid]}")
        let wanted = [
            TrafficSlice(name: "country", key: .header("x-country"), values: .top(20)),
            TrafficSlice(
                name: "plan", key: .path(try #require(JSONPath("parameters.plan"))), values: .listed(["free", "paid"])),
        ]
        #expect(found.rollout.slices == wanted)
        #expect(found.endpoint.slices == wanted)
    }

    @Test func `without slices, with sticky users or without a gate on requests nothing is sliced`()
        throws
    {
        #expect(try Manifests.only(Manifests.deployment()).endpoint.slices == [])
        #expect(try deployment(Self.country, "\ntraffic: {sticky: {header: x-user}}").endpoint.slices == [])
        let gates = ", gates: [{name: p99, compare: {metric: latencyP99}}]"
        let quantiles = try Manifests.only(
            Manifests.deployment(spec: "rollout: {slices: [\(Self.country)]\(gates)}"))
        #expect(quantiles.endpoint.slices == [])
        #expect(quantiles.rollout.slices.count == 1)
        let shadow = "strategy: shadow, gates: [{name: e, compare: {metric: errors}}]"
        let copied = try Manifests.only(
            Manifests.deployment(spec: "rollout: {\(shadow), slices: [\(Self.country)]}"))
        #expect(copied.endpoint.slices == copied.rollout.slices)
        let switched = try Manifests.only(
            Manifests.deployment(spec: "rollout: {strategy: blueGreen, gates: [], slices: [\(Self.country)]}"))
        #expect(switched.endpoint.slices == [])
    }

    @Test(arguments: [
        ("x-auth-token", true), ("X-Amz-Security-Token", true), ("x_api_key", true), ("Cookie", true),
        ("x-author", false), ("x-monkey", false), ("x-country", false),
    ])
    func `headers with secrets are recognized by words in their names`(header: String, isSecret: Bool) {
        #expect(TrafficSlice.isSecret(header: header) == isSecret)
    }

    @Test(arguments: [
        ("{name: a, header: x-a}", "spec.rollout.slices[0]: needs exactly one of 'values' or 'top'"),
        ("{name: a, top: 3}", "spec.rollout.slices[0]: needs exactly one of 'header' or 'path'"),
        (
            "{name: a, header: authorization, top: 3}",
            "spec.rollout.slices[0].header: 'authorization' carries secrets, but the values of slices are shown in the status "
                + "(use another header, such as x-country)"
        ),
        ("{name: a, header: x-a, top: 21}", "spec.rollout.slices[0].top: must be from 1 to 20, not 21"),
        (
            "{name: a, header: x-a, values: [other]}",
            "spec.rollout.slices[0].values[0]: 'other' is reserved for all other values (leave it out; it is always included)"
        ),
        (
            "{name: a, header: x-a, values: [b, b]}",
            "spec.rollout.slices[0].values[1]: two values are 'b', the first on line 7"
        ),
        (
            "{name: a, header: x-a, top: 3}, {name: a, header: x-b, top: 3}",
            "spec.rollout.slices[1]: two slices are named 'a', the first on line 7"
        ),
        (
            "{name: a, header: x-a, top: 13}, {name: b, header: x-b, values: [1a, 2a, 3a, 4a, 5a, 6a, 7a, 8a, 9a, 0a, ab, bb]}",
            "spec.rollout.slices: have 25 values together; at most 24 are allowed (write a smaller 'top' or list fewer "
                + "values; each value takes evidence from the others)"
        ),
        (
            "{name: a, header: x-a, values: [\"b\\u202e\"]}",
            "spec.rollout.slices[0].values[0]: 'b\u{202e}' has characters that cannot be printed"
        ),
    ])
    func `errors are reported at their place`(_ slices: String, _ message: String) {
        #expect(problems(slices) == [message])
    }

    @Test func `of too many slices, what is wrong with each is said as well, as far as there may be any`() {
        let slices = (1...6).map { "{name: s\($0), header: x-a, top: \($0 == 2 || $0 == 6 ? 99 : 1)}" }
        #expect(
            problems(slices.joined(separator: ", ")) == [
                "spec.rollout.slices: has 6 entries, but must have at most 4",
                "spec.rollout.slices[1].top: must be from 1 to 20, not 99",
            ])
        let values = (0...20).map { $0 == 3 ? "other" : "v\($0)" }.joined(separator: ", ")
        #expect(
            problems("{name: a, header: x-a, values: [\(values)]}") == [
                "spec.rollout.slices[0].values: has 21 entries, but must have at most 20",
                "spec.rollout.slices[0].values[3]: 'other' is reserved for all other values (leave it out; it is always included)",
            ])
    }

    @Test func `values are short and printable`() {
        #expect(TrafficSlice.isValue("Österreich (AT)"))
        #expect(TrafficSlice.isValue(String(repeating: "a", count: 64)))
        #expect(!TrafficSlice.isValue(""))
        #expect(!TrafficSlice.isValue(String(repeating: "a", count: 65)))
        for scalar in ["\u{0}", "\u{1b}", "\u{7f}", "\u{85}", "\u{200b}", "\u{2028}", "\u{202e}", "\u{e000}"] {
            #expect(!TrafficSlice.isValue("a\(scalar)"))
        }
    }
}
