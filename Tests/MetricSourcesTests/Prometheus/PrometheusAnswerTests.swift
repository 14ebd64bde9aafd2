import Analysis
import Foundation
import ModelManifests
import Testing

@testable import MetricSources

@Suite("An answer of Prometheus")
struct PrometheusAnswerTests {
    private func answer(_ data: String, status: Int = 200, beside: String = "") throws -> PrometheusAnswer {
        let body = #"{"status":"success","data":\#(data)\#(beside)}"#
        return try PrometheusAnswer(SourceResponse(status: status, body: Data(body.utf8)), from: "http://p")
    }

    private func measured(_ data: String, beside: String = "") throws -> Measured {
        try answer(data, beside: beside).measured()
    }

    private func failure(status: Int, _ body: String) -> SourceError? {
        #expect(throws: SourceError.self) {
            try PrometheusAnswer(SourceResponse(status: status, body: Data(body.utf8)), from: "http://p")
        }
    }

    private func vector(_ values: [String]) -> String {
        let samples = values.enumerated().map {
            #"{"metric":{"__name__":"up","instance":"i\#($0)"},"value":[1700000000.5,"\#($1)"]}"#
        }
        return #"{"resultType":"vector","result":[\#(samples.joined(separator: ","))]}"#
    }

    @Test("is its scalar, or the only sample of its vector, in Go's number format")
    func values() throws {
        #expect(try measured(#"{"resultType":"scalar","result":[1700000000,"0.25"]}"#) == .value(0.25))
        #expect(try measured(vector(["1e-3"])) == .value(0.001))
        #expect(try measured(vector(["-12"])) == .value(-12))
        #expect(try answer(vector(["1"])).atSeconds == 1_700_000_000.5)
    }

    @Test("that is a range is the mean of its samples; samples that are not numbers are left out")
    func ranges() throws {
        func range(_ values: String) -> String {
            #"{"resultType":"matrix","result":[{"metric":{},"values":[\#(values)]}]}"#
        }
        #expect(try measured(range(#"[1,"1"],[2,"NaN"],[3,"4"]"#)) == .value(2.5))
        #expect(
            try measured(range(#"[1,"NaN"]"#))
                == .noData("the result is not a number (NaN): nothing was counted in the window"))
        #expect(
            try measured(range(#"[1,"1"],[2,"+Inf"]"#))
                == .error("the result is +Inf: check whether the query divides by zero"))
    }

    @Test("over a range is reduced to one value; points that are not numbers are left out")
    func reductions() throws {
        let series =
            #"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"4"],[3,"1"],[4,"1"],[5,"NaN"]]}]}"#
        func found(_ reduction: MetricRange.Reduction, minPoints: Int = 1) throws -> Measured {
            try answer(series).measured(
                over: MetricRange(over: .seconds(60), reduce: reduction, minPoints: minPoints))
        }
        #expect(
            try MetricRange.Reduction.allCases.map { try found($0) } == [.value(4), .value(1), .value(2), .value(1)])
        #expect(try found(.max, minPoints: 3) == .value(4))
        #expect(
            try found(.max, minPoints: 4) == .noData("3 points are numbers in the last 1m, but 4 are required"))
    }

    @Test("over a range with no series, with many, or with an infinity is never a value")
    func rangesWithoutValue() throws {
        let range = MetricRange(over: .seconds(60), reduce: .max)
        func found(_ result: String) throws -> Measured {
            try answer(#"{"resultType":"matrix","result":[\#(result)]}"#).measured(over: range)
        }
        #expect(try found("") == .noData("the query has no result: no series matches"))
        #expect(
            try found(#"{"metric":{},"values":[]}"#)
                == .noData("the result is not a number (NaN): nothing was counted in the window"))
        #expect(
            try found(#"{"metric":{},"values":[[1,"1"],[2,"+Inf"]]}"#)
                == .error("the result is +Inf: check whether the query divides by zero"))
        guard
            case .error(let many) = try found(
                #"{"metric":{"i":"a"},"values":[[1,"1"]]},{"metric":{"i":"b"},"values":[[1,"2"]]}"#)
        else {
            Issue.record("a value of two series")
            return
        }
        #expect(many.hasPrefix("2 series instead of one"))
    }

    @Test("without a result, or with NaN, is no data; an infinity or a text is an error")
    func nothing() throws {
        #expect(try measured(vector([])) == .noData("the query has no result: no series matches"))
        #expect(try answer(vector([])).atSeconds == nil)
        #expect(
            try measured(vector(["NaN"]))
                == .noData("the result is not a number (NaN): nothing was counted in the window"))
        #expect(try measured(vector(["+Inf"])) == .error("the result is +Inf: check whether the query divides by zero"))
        #expect(try measured(vector(["-Inf"])) == .error("the result is -Inf: check whether the query divides by zero"))
        #expect(
            try measured(#"{"resultType":"string","result":[1,"hello"]}"#)
                == .error("the result is the text 'hello', not a number"))
    }

    @Test("of many series is an error that names some of them")
    func manySeries() throws {
        #expect(
            try measured(vector(["1", "2"]))
                == .error(
                    #"2 series instead of one ({instance="i0"}, {instance="i1"}): aggregate with sum(…) or avg(…)"#
                ))
        guard case .error(let reason) = try measured(vector(["1", "2", "3", "4"])) else {
            Issue.record("a value of four series")
            return
        }
        #expect(reason.hasPrefix("4 series instead of one"))
        #expect(reason.contains(#"{instance="i2"}, …)"#))
    }

    @Test("includes the server's warnings, with a value or without")
    func warnings() throws {
        let beside = #","warnings":["store 3 is down"],"infos":["up might not be a counter"]"#
        #expect(
            try measured(vector([]), beside: beside)
                == .noData(
                    "the query has no result: no series matches (the server says: store 3 is down; up might not be a "
                        + "counter)"))
        #expect(
            try measured(vector(["1"]), beside: beside)
                == .value(1, remark: "store 3 is down; up might not be a counter"))
    }

    @Test("that is an error has the server's own message")
    func serverErrors() {
        #expect(
            failure(status: 400, #"{"status":"error","errorType":"bad_data","error":"1:4: parse error"}"#)
                == SourceError(.invalidQuery, "Prometheus: bad_data: 1:4: parse error"))
        #expect(
            failure(status: 503, #"{"status":"error","errorType":"timeout","error":"query timed out"}"#)
                == SourceError(.unreachable, "Prometheus: timeout: query timed out"))
        #expect(failure(status: 502, "<html>")?.message == "http://p answered 502.")
    }

    @Test("that refuses, redirects, or does not exist says what to do", arguments: [301, 401, 403, 404])
    func refusals(status: Int) throws {
        let error = try #require(failure(status: status, "<html>"))
        #expect(error.code == .refused)
        let advice = [301: "final address", 401: "token, password", 403: "right to read", 404: "the path"]
        #expect(error.message.contains(try #require(advice[status])))
        let said = failure(status: 403, #"{"status":"error","errorType":"x","error":"secret"}"#)
        #expect(said?.message.contains("right to read") == true)
    }

    @Test(
        "that is not from Prometheus is an error",
        arguments: [
            "", "null", "[]", "garbage", #"{"status":"success"}"#,
            #"{"status":"success","data":{"resultType":"tensor"}}"#,
            #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}"#,
            #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}"#,
        ])
    func garbage(body: String) {
        #expect(failure(status: 200, body)?.code == .unreadable)
    }

    @Test("with text in place of a number, or a native histogram, is an error")
    func notNumbers() {
        #expect(throws: SourceError(.unreadable, "'many' is not a number")) { try answer(vector(["many"])) }
        let histogram =
            #"{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"3","sum":"2","buckets":[]}]}]}"#
        #expect(throws: SourceError.self) { try answer(histogram) }
    }

    @Test("counts as counters only if each sample can be a counter")
    func counters() throws {
        #expect(try answer(vector(["3", "4"])).counters().map(\.value) == [3, 4])
        #expect(try answer(#"{"resultType":"scalar","result":[1,"5"]}"#).counters() == [.init(labels: [:], value: 5)])
        #expect(try answer(vector([])).counters() == [])
        for wrong in [
            vector(["NaN"]), vector(["-1"]), vector(["+Inf"]),
            #"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]]}]}"#,
        ] {
            #expect(throws: SourceError.self) { try answer(wrong).counters() }
        }
        #expect(throws: SourceError.self) { try answer(vector((0...256).map(String.init))).counters() }
    }
}
