import Testing

@testable import ModelManifests

@Suite struct DocumentComposerTests {
    private func compose(_ text: String) -> DocumentComposer.Composed {
        DocumentComposer.compose(DocumentText(text: text, linesBefore: 0))
    }

    @Test func `values have their position`() throws {
        let root = try #require(compose("a:\n- b: 1\n  cc: [2, x]\n").roots.first?.node)
        guard case .sequence(let items)? = root["a"]?.content else { throw NoList() }
        #expect(items.first?["cc"]?.place == SourcePlace(line: 3, column: 7))
        #expect(items.first?.entry("cc")?.keyPlace == SourcePlace(line: 3, column: 3))
    }

    @Test func `quoted scalars are text`() {
        let root = compose("a: 1\nb: '1'\nc: !!str 1\nd: |\n  1\ne:\nf: ''\n").roots.first?.node
        #expect(["a", "b", "c", "d"].map { isPlain(root?[$0]) } == [true, false, false, false])
        #expect(root?["e"]?.isNull == true)
        #expect(root?["f"]?.isNull == false)
    }

    @Test func `an alias has the value of its anchor`() {
        let root = compose("a: &x {k: [1, 2]}\nb: *x\n").roots.first?.node
        #expect(root?["b"]?["k"]?.place == root?["a"]?["k"]?.place)
        #expect(root?["b"]?["k"] != nil)
    }

    @Test func `nested aliases are refused before they are followed`() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(compose(bomb).failure?.message == "the document has 81 aliases; at most 12 are allowed")
    }

    @Test func `an alias bomb with few aliases, used as a key, ends soon`() {
        var bomb = "a0: &a0 [\(Array(repeating: "x", count: 2000).joined(separator: ", "))]\n"
        for level in 1...4 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n" }
        #expect(compose(bomb + "? [y]\n: 1\n").failure != nil)
        let wide = compose(bomb)
        #expect(wide.failure?.message == "the document contains more than 100000 values")
    }

    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func `values nested very deep are refused`(_ opening: String) {
        let text = String(repeating: opening, count: 5000)
        #expect(compose(text).failure != nil)
    }

    @Test func `values nested too deep are refused at their place`() {
        let text = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(compose(text).failure?.message == "values are nested more than 64 deep")
        #expect(compose(text).failure?.place.column == 66)
    }

    @Test func `aliases of deep values do not exhaust the stack`() {
        var text = ""
        for level in 0..<12 {
            let inner = level == 0 ? "x" : "*a\(level - 1)"
            let depth = 600
            text += "a\(level): &a\(level) " + String(repeating: "[", count: depth) + inner
            text += String(repeating: "]", count: depth) + "\n"
        }
        #expect(compose(text + "? *a11\n: 1\n").failure != nil)
    }

    @Test func `every duplicate key is found, and the rest is read`() {
        let composed = compose("a: 1\nb: {c: 1, d: 2, c: 3}\n'a': 2\ne: 5\nb: 1\n")
        #expect(composed.failure == nil)
        let root = composed.roots.first
        #expect(root?.node["e"]?.text == "5")
        #expect(
            root?.duplicates.sorted { $0.place.line < $1.place.line } == [
                .init(
                    path: [.field("b"), .field("c")], place: SourcePlace(line: 2, column: 17),
                    first: SourcePlace(line: 2, column: 5)),
                .init(
                    path: [.field("a")], place: SourcePlace(line: 3, column: 1), first: SourcePlace(line: 1, column: 1)),
                .init(
                    path: [.field("b")], place: SourcePlace(line: 5, column: 1), first: SourcePlace(line: 2, column: 1)),
            ])
    }

    @Test func `too many duplicate keys are refused`() {
        let text = (0..<40).map { "k\($0): 1\nk\($0): 2\n" }.joined()
        #expect(compose(text).failure?.message == "more than 16 keys are given twice")
    }

    @Test(arguments: [
        ("a: 1\n\tb: 2\n", 2, 1), ("a: [1, 2\nb: 3\n", 2, 2), ("a: b: c\n", 1, 5), ("a: *nothing\n", 1, 4),
        ("a: \"open\n", 2, 1), ("a: 1\n@b: 2\n", 2, 1), ("x\u{7}y", 1, 2), ("<<: {a: 1}\n", 1, 1),
        ("a: !Ref b\n", 1, 4), ("? [a]\n: 1\n", 1, 3),
    ])
    func `invalid YAML is reported with its place`(_ text: String, _ line: Int, _ column: Int) {
        #expect(compose(text).failure?.place == SourcePlace(line: line, column: column))
    }

    @Test func `the error for a tab names the tab`() {
        #expect(compose("a:\n\tb: 2\n").failure?.suggestion == "indent with spaces, not with tabs")
    }

    private struct NoList: Error {}

    private func isPlain(_ node: SourceNode?) -> Bool? {
        guard case .scalar(_, let isPlain)? = node?.content else { return nil }
        return isPlain
    }
}
