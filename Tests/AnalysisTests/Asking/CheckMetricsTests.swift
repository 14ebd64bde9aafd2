import Testing

@testable import Analysis

@Suite struct CheckMetricsTests {
    private func metrics(_ text: String, limit: Int = 1_000, wanted: Set<String> = []) -> [String: Double] {
        let output = Array(text.utf8)
        return CheckMetrics.read(output.suffix(limit), isCut: output.count > limit, wanted: wanted)
    }

    @Test(
        "metrics come from the last line that is an object with numbers",
        arguments: [
            ("{\"a\": 1}", ["a": 1]), ("{\"a\": 1}\n", ["a": 1]), ("  {\"a\": 1e-3}\r\n\n", ["a": 0.001]),
            ("{\"a\": 1}\n{\"a\": 2}\n", ["a": 2]), ("{\"a\": 1}\ndone\n", ["a": 1]),
            ("{\"a\": 1}\n{\"message\": \"done\"}\n", ["a": 1]), ("{\"a\": 1}\n{'a': 2}\n", ["a": 1]),
            ("{\"a\": 1, \"b\": \"2\", \"c\": true, \"d\": null, \"e\": [3], \"f\": {\"g\": 4}}", ["a": 1]),
            ("{\"metrics\": {\"a\": 1, \"b\": false}, \"seconds\": 9}", ["a": 1]),
            ("{\"metrics\": 3}", ["metrics": 3]),
            ("{\n\"a\": 1\n}", [:]), ("[1, 2]", [:]), ("1", [:]), ("", [:]), ("{\"a\": 1} {\"b\": 2}", [:]),
            ("{\"a\": NaN}", [:]), ("{\"a\": Infinity}", [:]), ("{\"a\": 1e999}", [:]), ("{\"a\": 1", [:]),
        ] as [(String, [String: Double])])
    func lines(text: String, wanted: [String: Double]) {
        #expect(metrics(text) == wanted)
    }

    @Test("metrics are not read from a line whose start is missing")
    func cut() {
        let text = "xx{\"a\": 1}\n"
        #expect(metrics(text, limit: 9) == [:])
        #expect(metrics("{\"a\": 1}\n" + text, limit: 9) == [:])
        #expect(metrics("log\n{\"a\": 1}\n", limit: 10) == ["a": 1])
    }

    @Test("beyond a hundred metrics, only those that a gate asks for are kept")
    func many() {
        let text = "{" + (0..<150).map { "\"m\($0)\": \($0)" }.joined(separator: ",") + "}"
        #expect(metrics(text, limit: 10_000, wanted: ["m7", "none"]) == ["m7": 7])
    }

    @Test("deep nesting does not crash")
    func deep() {
        let text = "{\"a\": " + String(repeating: "[", count: 20_000)
        #expect(metrics(text, limit: 100_000) == [:])
        let nested =
            "{\"a\": 1, \"b\": " + String(repeating: "{\"c\":", count: 600) + "1" + String(repeating: "}", count: 601)
        #expect(metrics(nested, limit: 100_000) == [:])
    }
}
