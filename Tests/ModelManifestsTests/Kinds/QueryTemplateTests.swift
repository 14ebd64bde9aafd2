import ModelManifests
import Testing

@Suite("A query's placeholders")
struct QueryTemplateTests {
    @Test func `are found in order, without the spaces around them`() {
        #expect(QueryTemplate("{{a}} b {{ c\td }}{{a}} }} {{ e").placeholders == ["a", "c d", "a"])
        #expect(QueryTemplate("{a} {{").placeholders.isEmpty)
    }

    @Test func `are replaced once; those without a value stay as written`() {
        let values = ["name": "{{other}}", "n": "x"]
        let filled = QueryTemplate("a {{ name }} b {{ other}} c{{n}} {{name").filled { values[$0] }
        #expect(filled == "a {{other}} b {{ other}} cx {{name")
        #expect(QueryTemplate("").filled { values[$0] } == "")
    }
}
