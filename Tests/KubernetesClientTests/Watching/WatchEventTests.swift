import Foundation
import Testing

@testable import KubernetesClient

@Suite("Lines of a watch")
struct WatchEventTests {
    func event(_ line: String) throws -> WatchEvent<Settings> {
        try WatchEvent(line: Data(line.utf8), request: "GET /x")
    }

    @Test("a bookmark has a version, and says whether the initial objects are complete", arguments: [true, false])
    func bookmark(ends: Bool) throws {
        guard case .bookmark("9", let says) = try event(Settings.bookmark("9", endsInitialEvents: ends)) else {
            Issue.record("no bookmark of version 9")
            return
        }
        #expect(says == ends)
    }

    @Test("an error has the server's reason and code")
    func error() throws {
        let line = Settings.event(
            "ERROR", #"{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version: 1 (5)"}"#)
        guard case .error(let error) = try event(line) else {
            Issue.record("no error")
            return
        }
        #expect(error.isExpired)
        #expect(error.message == "too old resource version: 1 (5)")
    }

    @Test(
        "a line that is not an event is refused without quoting it",
        arguments: ["s3cret", #"{"type":"s3cret","object":{}}"#, "{}"])
    func garbage(line: String) {
        let error = #expect(throws: APIError.self) { try event(line) }
        #expect(error?.reason == .malformed)
        #expect(!message(of: error).contains("s3cret"))
    }
}
