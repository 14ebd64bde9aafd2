import Testing

@testable import MetricSources

@Suite("Placeholders")
struct PlaceholdersTests {
    private let placeholders = Placeholders(
        deployment: Fixtures.fraud, side: Fixtures.side("bbbbbbbbbb", version: "{{name}} \"3\""))

    @Test("have the values of one side; the values are escaped, and not expanded again")
    func filling() throws {
        let filled = try placeholders.fill("{{namespace}}/{{ name }}/{{revision}}/{{version}}/}}{{", as: .url)
        #expect(filled == "payments/fraud/bbbbbbbbbb/%7B%7Bname%7D%7D%20%223%22/}}{{")
        #expect(try placeholders.fill("up", as: .url) == "up")
    }

    private func filled(_ template: String, _ language: QueryLanguage, version: String) throws -> String {
        try Placeholders(deployment: Fixtures.fraud, side: Fixtures.side("bbbbbbbbbb", version: version))
            .fillKnown(template, as: language)
    }

    @Test("a version never changes a query, whatever it is and wherever it is inserted")
    func queries() throws {
        let evil = "2\"} * 0 or vector(0) #"
        #expect(
            try filled("lag{v=\"{{version}}\"}", .promQL, version: evil)
                == #"lag{v="2\"} * 0 or vector(0) #"}"#)
        #expect(try filled("lag{v='{{version}}'}", .promQL, version: "a'b\"") == #"lag{v='a\'b"'}"#)
        #expect(try filled("lag{v=~\"{{version}}\"}", .promQL, version: ".*") == #"lag{v=~"\\.\\*"}"#)
        #expect(
            try filled("lag{v=\"{{version}}\"}", .promQL, version: "a\r\nb\"\u{301}")
                == "lag{v=\"a\\r\\nb\\\"\u{301}\"}")
        #expect(
            try filled("queue{m=\"{{version}}\"}", .selector, version: evil) == #"queue{m="2\"} * 0 or vector(0) #"}"#)
        #expect(try filled("results.{{version}}", .jsonPath, version: "2026-11-20") == "results.2026-11-20")
        #expect(try filled("{{version}} {{team}}", .text, version: evil) == "\(evil) {{team}}")
    }

    @Test(
        "a value that cannot be inserted safely gives an error that says where it is allowed",
        arguments: [
            ("lag * {{version}}", QueryLanguage.promQL, "0 or vector(0)"), ("lag_{{version}}", .promQL, "1.2"),
            ("lag{v=`{{version}}`}", .promQL, "a`b"), ("lag # {{version}}", .promQL, "a\nvector(0)"),
            ("queue_{{version}}", .selector, "a{b=\"c\"}"), ("queue{m='{{version}}'}", .selector, "a"),
            ("results.{{version}}", .jsonPath, "a.b"), ("results.{{version}}", .jsonPath, "a[0]"),
            ("{{version}}", .text, "a\0b"),
        ])
    func misplaced(template: String, language: QueryLanguage, version: String) {
        #expect(throws: SourceError.self) { try filled(template, language, version: version) }
    }

    @Test("that are unknown are errors, and are found before a query is sent")
    func unknown() {
        #expect(
            throws: SourceError(
                .invalidQuery,
                "{{team}} is not a known placeholder; use one of {{namespace}}, {{name}}, {{revision}}, {{version}}")
        ) { try placeholders.fill("a{{team}}", as: .promQL) }
        #expect(Placeholders.unknown(in: "{{team}} {{name}} {{ window }} {{") == ["team", "window"])
    }
}
