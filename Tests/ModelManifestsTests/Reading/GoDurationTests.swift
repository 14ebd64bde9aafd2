import Testing

@testable import ModelManifests

@Suite struct GoDurationTests {
    @Test(arguments: [
        ("90s", Duration.seconds(90)), ("5m", .seconds(300)), ("1h30m", .seconds(5400)), ("500ms", .milliseconds(500)),
        ("0", .zero), ("1.5s", .milliseconds(1500)), (".5s", .milliseconds(500)), ("250us", .microseconds(250)),
        ("250µs", .microseconds(250)), ("1ns", .nanoseconds(1)), ("0.1s", .milliseconds(100)),
        ("1m0.001s", .milliseconds(60_001)),
    ])
    func `Go's durations are read exactly`(_ text: String, _ wanted: Duration) throws {
        #expect(try GoDuration.parse(text) == wanted)
    }

    @Test(arguments: [
        ("30", "did you mean '30s'?"), ("2d", "did you mean '48h'?"), ("5min", "did you mean '5m'?"),
        ("10 s", "write it as 500ms, 90s, 5m or 1h30m"), ("soon", "write it as 500ms, 90s, 5m or 1h30m"),
        ("1h30", "did you mean '1h30s'?"), ("", "write a duration such as 30s"), ("99999999h", "at most ten years"),
        // Each part fits its type; the sum overflows.
        ("1h170141183460469231731687303715ns", "at most ten years"),
    ])
    func `other units get a suggestion`(_ text: String, _ suggestion: String) {
        let problem = #expect(throws: GoDuration.Problem.self) { try GoDuration.parse(text) }
        #expect(problem?.suggestion == suggestion)
    }

    @Test(arguments: ["-5s", "1.2.3s", "s", "5x", "1e3s", "１s", "0.0000000000000000001ns"])
    func `text that is not a duration is refused`(_ text: String) {
        #expect(throws: GoDuration.Problem.self) { try GoDuration.parse(text) }
    }

    @Test(arguments: ["1h30m", "2m5s", "500ms", "250us", "0s", "7ns"])
    func `a duration is printed as written`(_ text: String) throws {
        #expect(try GoDuration.parse(text).goText == text)
    }
}
