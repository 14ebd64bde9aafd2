import Testing

@testable import MetricSources

@Suite("Placeholders")
struct PlaceholdersTests {
    private let placeholders = Placeholders(
        deployment: Fixtures.fraud, side: Fixtures.side("bbbbbbbbbb", version: "{{name}} \"3\""))

    @Test("stand for one side; what they stand for is escaped, and not filled in again")
    func filling() throws {
        let filled = try placeholders.fill(
            "{{namespace}}/{{ name }}/{{revision}}/{{version}}/}}{{", escaping: { "<\($0)>" })
        #expect(filled == "<payments>/<fraud>/<bbbbbbbbbb>/<{{name}} \"3\">/}}{{")
        #expect(try placeholders.fill("up", escaping: { $0 }) == "up")
    }

    @Test("that mean nothing are errors, and are found before they are asked for")
    func unknown() {
        #expect(
            throws: SourceError(
                .misasked,
                "{{team}} means nothing here; there are {{namespace}}, {{name}}, {{revision}}, {{version}}")
        ) { try placeholders.fill("a{{team}}", escaping: { $0 }) }
        #expect(Placeholders.unknown(in: "{{team}} {{name}} {{ window }} {{") == ["team", "window"])
    }
}
