import Foundation
import TestSupport
import Testing

@testable import MetricSources

@Suite("A metrics page")
struct ExpositionTextTests {
    private func page(_ text: String, _ wanted: Set<String>) throws -> ExpositionText {
        try ExpositionText(Data(text.utf8), wanted: wanted)
    }

    @Test("is read like the example of the format's documentation")
    func officialExample() throws {
        let text = #"""
            # HELP http_requests_total The total number of HTTP requests.
            # TYPE http_requests_total counter
            http_requests_total{method="post",code="200"} 1027 1395066363000
            http_requests_total{method="post",code="400"}    3 1395066363000

            # Escaping in label values:
            msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

            # Minimalistic line:
            metric_without_timestamp_and_labels 12.47

            # A weird metric from before the epoch:
            something_weird{problem="division by zero"} +Inf -3982045

            """#
        let page = try page(
            text,
            [
                "http_requests_total", "msdos_file_access_time_seconds", "metric_without_timestamp_and_labels",
                "something_weird",
            ])
        #expect(
            page.samples == [
                .init(name: "http_requests_total", labels: ["method": "post", "code": "200"], value: 1027),
                .init(name: "http_requests_total", labels: ["method": "post", "code": "400"], value: 3),
                .init(
                    name: "msdos_file_access_time_seconds",
                    labels: ["path": #"C:\DIR\FILE.TXT"#, "error": "Cannot find file:\n\"FILE.TXT\""],
                    value: 1_458_255_915),
                .init(name: "metric_without_timestamp_and_labels", labels: [:], value: 12.47),
                .init(name: "something_weird", labels: ["problem": "division by zero"], value: .infinity),
            ])
        #expect(page.type(of: "http_requests_total") == "counter")
    }

    @Test("may be OpenMetrics: exemplars are ignored, and nothing counts after the end")
    func openMetrics() throws {
        let page = try page(
            """
            # TYPE foo counter
            foo_total{path="/a{b}"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67
            # EOF
            foo_total 99
            """, ["foo_total"])
        #expect(page.samples == [.init(name: "foo_total", labels: ["path": "/a{b}"], value: 17)])
        #expect(page.type(of: "foo_total") == "counter")
    }

    @Test("tolerates blanks, other line ends, trailing commas, and malformed lines that are not wanted")
    func tolerance() throws {
        let page = try page(
            "  foo { a = \"1\" , b=\"2\", } 3\r\nbar{broken 4\n{\"utf8.name\"} 5\nfoobar 6\n\t\nfoo 7\r\n", ["foo"])
        #expect(page.samples.map(\.value) == [3, 7])
        #expect(page.samples.first?.labels == ["a": "1", "b": "2"])
    }

    @Test(
        "with a malformed line that is wanted is an error that shows the line",
        arguments: [
            "foo", "foo ", "foo x", "foo{a=\"1\"", "foo{a=1} 2", "foo{a=\"1\" b=\"2\"} 3", "foo{a=\"1} 2",
            "foo{=\"1\"} 2", "foo{a=\"\\",
        ])
    func broken(line: String) {
        #expect(throws: SourceError(.unreadable, "line 2 is not a valid sample: \(line)")) {
            try page("bar 1\n" + line, ["foo"])
        }
    }

    @Test("is distinguished from other pages; an empty one has no samples")
    func otherPages() throws {
        #expect(throws: SourceError.self) { try page("<!DOCTYPE html>\n<html></html>", ["foo"]) }
        #expect(throws: SourceError.self) { try page(#"{"detail": "Not Found"}"#, ["foo"]) }
        #expect(try page("", ["foo"]).samples == [])
    }

    @Test("has no more samples than its limit")
    func limit() throws {
        let line = "foo 1\n"
        let most = String(repeating: line, count: ExpositionText.sampleLimit)
        #expect(try page(most, ["foo"]).samples.count == ExpositionText.sampleLimit)
        #expect(throws: SourceError.self) { try page(most + line, ["foo"]) }
        #expect(try page(most + line, ["bar"]).samples == [])
    }

    @Test("never traps, whatever bytes it contains")
    func noise() {
        var random = SeededRandom(seed: 0x5EED)
        let alphabet = Array("foo{}=\",\\ #\n1.+NaInf\u{e9}".utf8)
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0..<60, using: &random)).compactMap { _ in
                alphabet.randomElement(using: &random)
            }
            _ = try? ExpositionText(Data(bytes), wanted: ["foo", "f", "o"])
            _ = try? SampleSelector(String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("sums the samples that a name, with labels or without, selects")
    func selectors() throws {
        let page = try page(
            """
            tokens_total{model="a",kind="in"} 3
            tokens_total{model="a",kind="out"} 4
            tokens_total{model="b",kind="in"} 5
            """, ["tokens_total"])
        #expect(page.sum(of: try SampleSelector("tokens_total")) == 12)
        #expect(page.sum(of: try SampleSelector(#" tokens_total{model="a"} "#)) == 7)
        #expect(page.sum(of: try SampleSelector(#"tokens_total{model="a",kind="out"}"#)) == 4)
        #expect(page.sum(of: try SampleSelector(#"tokens_total{model="c"}"#)) == nil)
        #expect(page.sum(of: try SampleSelector(#"tokens_total{}"#)) == 12)
    }

    @Test(
        "is not read for a selector that is not the name of a counter",
        arguments: ["", "1a", "a b", "sum(a)", "rate(a[5m])", "a{b}", #"a{b=~"c"}"#, #"a{b!="c"}"#, #"a{b="c"} > 1"#])
    func wrongSelectors(text: String) {
        #expect(throws: SourceError.self) { try SampleSelector(text) }
    }
}
