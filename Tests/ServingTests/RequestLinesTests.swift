import Testing

@testable import Serving

@Suite("Recorded requests")
struct RequestLinesTests {
    private func read(_ text: String, path: String? = "/p", requestsMax: Int = 3) throws -> [String] {
        try RequestLines(
            Array(text.utf8), file: "f", path: path, pathField: "the.field", requestsMax: requestsMax
        ).requests.map { "\($0.path) \(String(decoding: $0.body, as: UTF8.self))" }
    }

    @Test("a line is a body as it is written; one with a path and a body, and nothing else, goes its own way")
    func lines() throws {
        #expect(
            try read("{\"a\": 1}\n \t\r\n{\"body\": [ 1.50, 18446744073709551616 ], \"path\": \"/x\"}") == [
                "/p {\"a\": 1}", "/x [1.50,18446744073709551616]",
            ])
        #expect(
            try read("{\"path\": \"/x\", \"body\": 1, \"z\": 1}") == ["/p {\"path\": \"/x\", \"body\": 1, \"z\": 1}"])
        #expect(try read("{\"path\": 3, \"body\": 1}") == ["/p {\"path\": 3, \"body\": 1}"])
    }

    @Test(
        "what is wrong is said with its place",
        arguments: [
            ("1\n{", "f, line 2 is not JSON: write one JSON object per line"),
            ("\n", "f has no request: write one JSON object per line"),
            ("1\n1\n1\n1", "f has more than 3 requests: keep fewer"),
            (
                "{\"path\": \"x y\", \"body\": 1}",
                "f, line 1: \"x y\" is not a valid path: a path starts with '/' and has no spaces"
            ),
        ])
    func faults(text: String, message: String) {
        #expect(throws: RequestLines.Fault(message: message)) { try read(text) }
    }

    @Test("lines that name no path need one")
    func noPath() {
        #expect(
            throws: RequestLines.Fault(
                message: "f, line 1 has no path: set the.field, or write {path, body}")
        ) { try read("1", path: nil) }
    }
}
