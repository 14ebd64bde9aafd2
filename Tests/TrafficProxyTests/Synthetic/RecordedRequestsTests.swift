import Foundation
import Serving
import Testing

@testable import TrafficProxy

@Suite struct RecordedRequestsTests {
    private func read(_ text: String, path: String? = "/infer", limits: ProxyLimits = ProxyLimits()) throws
        -> [RequestLines.Request]
    {
        try RequestLines(lines: Array(text.utf8), file: "f.jsonl", path: path, limits: limits).requests
    }

    @Test("a line is a body, or names its own path; empty lines are skipped")
    func lines() throws {
        let requests = try read(
            "{\"a\": [1, 0.1]}\r\n\n  \n[1]\n{\"path\": \"/v2/x?y\", \"body\": {\"b\": \"ü\"}}\n{\"path\": \"/z\"}")
        #expect(requests.map(\.path) == ["/infer", "/infer", "/v2/x?y", "/infer"])
        #expect(
            requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                "{\"a\": [1, 0.1]}\r", "[1]", "{\"b\":\"ü\"}", "{\"path\": \"/z\"}",
            ])
    }

    @Test(
        "a fault is reported with its line",
        arguments: [
            ("{\"a\": 1}\n{\"a\": ", "f.jsonl, line 2 is not JSON"), ("", "has no request"),
            ("\n \n", "has no request"),
            ("{\"path\": \"x\", \"body\": 1}", "is not a valid path"),
            ("{\"path\": \"/a b\", \"body\": 1}", "is not a valid path"),
            ("{\"path\": \"/a\\r\\nx: y\", \"body\": 1}", "is not a valid path"),
            ("[1]\n[2]\n[3]\n[4]", "more than 3 requests"),
        ])
    func faults(text: String, reason: String) {
        var limits = ProxyLimits()
        limits.recordedRequests = 3
        let error = #expect(throws: ProxyError.self) { try read(text, limits: limits) }
        #expect(error?.code == .recordedRequests && error?.message.contains(reason) == true)
    }

    @Test("lines without a path need a default path")
    func noPath() {
        let error = #expect(throws: ProxyError.self) { try read("{}", path: nil) }
        #expect(error?.message.contains("has no path") == true)
    }

    @Test("a file that is missing, too large or not a file is refused with the reason")
    func files() throws {
        let path = NSTemporaryDirectory() + "mlctl-recorded-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func reason() -> String? {
            var limits = ProxyLimits()
            limits.recordedBytes = 100
            do {
                return "\(try RequestLines(file: path, path: "/", limits: limits).requests.count) requests"
            } catch {
                return "\(error)"
            }
        }
        #expect(reason()?.contains("does not exist") == true)
        mkfifo(path, 0o600)
        #expect(reason()?.contains("not a regular file") == true)
        unlink(path)
        try String(repeating: "[]\n", count: 33).write(toFile: path, atomically: true, encoding: .utf8)
        #expect(reason() == "33 requests")
        try String(repeating: "[]\n", count: 34).write(toFile: path, atomically: true, encoding: .utf8)
        #expect(reason()?.contains("over 100 bytes") == true)
    }
}
