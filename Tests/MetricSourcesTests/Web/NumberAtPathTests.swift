import Analysis
import Foundation
import JSON
import ModelManifests
import Testing

@testable import MetricSources

@Suite("A number in a JSON document")
struct NumberAtPathTests {
    private func measure(_ path: String, _ document: String) throws -> Measured {
        NumberAtPath.measure(try #require(JSONPath(path)), in: Data(document.utf8))
    }

    @Test("is found where its path leads")
    func found() throws {
        let document = #"{"metrics": {"accuracy": 0.93, "n": 12}, "results": [null, {"x": [1, -2.5e-3]}], "a b": 4}"#
        #expect(try measure("metrics.accuracy", document) == .value(0.93))
        #expect(try measure("metrics.n", document) == .value(12))
        #expect(try measure("results[1].x[1]", document) == .value(-0.0025))
        #expect(try measure("$.a b", document) == .value(4))
        #expect(try measure("[2]", "[1, 2, 3]") == .value(3))
        #expect(try measure("", "7") == .value(7))
    }

    @Test("that is null or missing is no data")
    func missing() throws {
        for (path, document) in [
            ("a", "{}"), ("a", #"{"a": null}"#), ("a.b", #"{"a": null}"#), ("a[3]", #"{"a": [1, 2, 3]}"#),
            ("a[0]", #"{"a": [null]}"#), ("", "null"),
        ] { #expect(try measure(path, document) == .noData("the answer has no '\(path)'"), "\(document)") }
    }

    @Test("is an error if the value is something else; a text with digits is not a number")
    func others() throws {
        #expect(
            try measure("a", #"{"a": "0.5"}"#)
                == .error("'a' is the text '0.5', not a number: the endpoint must write numbers without quotes"))
        #expect(try measure("a", #"{"a": "good"}"#) == .error("'a' is the text 'good', not a number"))
        #expect(
            try measure("a", #"{"a": 1e999}"#) == .error("'a' is a number that is too large or too small"))
        #expect(try measure("a", #"{"a": true}"#) == .error("'a' is true or false, not a number"))
        #expect(
            try measure("a", #"{"a": {}}"#) == .error("'a' is an object or a list, not a number: make the path longer"))
        #expect(
            try measure("a", #"{"a": [1]}"#) == .error("'a' is an object or a list, not a number: make the path longer")
        )
        #expect(try measure("a.b", #"{"a": 1}"#) == .error("'a.b': the value before 'b' is not an object"))
        #expect(try measure("a[0]", #"{"a": {"0": 1}}"#) == .error("'a[0]': the value before [0] is not a list"))
    }

    @Test(
        "is an error if the document is not JSON",
        arguments: ["", "{", "NaN", "<html>", #"{"a": 1e999}"#, #"{"a": NaN}"#])
    func garbage(document: String) throws {
        guard case .error = try measure("a", document) else {
            Issue.record("\(document) has a number")
            return
        }
    }
}
