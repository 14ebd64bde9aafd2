import Testing

@testable import ModelManifests

@Suite struct DocumentTextTests {
    @Test func `a stream is split at its document lines, and line numbers continue`() {
        let documents = DocumentText.split("a: 1\n---\nb: 2\n--- # third\nc: 3\n")
        #expect(
            documents == [
                DocumentText(text: "a: 1\n", linesBefore: 0), DocumentText(text: "---\nb: 2\n", linesBefore: 1),
                DocumentText(text: "--- # third\nc: 3\n", linesBefore: 3),
            ])
    }

    @Test func `comments and directives stay with the document that follows`() {
        #expect(DocumentText.split("# licence\n%YAML 1.2\n---\na: 1").count == 1)
        #expect(DocumentText.split("\u{FEFF}\n  # only a comment\n").isEmpty)
    }

    @Test func `a line that only begins with dashes does not split`() {
        #expect(DocumentText.split("a: |\n  ---\n  text\nb: 1\n").count == 1)
        #expect(DocumentText.split("----\n").count == 1)
        #expect(DocumentText.split("---\n---\n--- # nothing\n\n---\na: 1\n").map(\.linesBefore) == [4])
        #expect(DocumentText.split("").isEmpty)
        #expect(DocumentText.split("a: 1\r\n---\r\nb: 2\r\n").count == 2)
    }
}
