import Foundation
import Glibc
import ModelManifests
import Testing

@testable import LocalServing

@Suite("Answers, warm-up files and logs")
struct ServerOutputTests {
    static let answers: [(String, status: Int?, isComplete: Bool)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", 200, false),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\ncontent-length:0\r\n\r\n", 503, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nx0\r\n\r\ny", 200, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n\r\n0\r\n\r\n", 200, false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\nmore", 200,
            true
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 200, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", nil, false),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, false),
        ("SSH-2.0-OpenSSH\r\n\r\n", nil, false),
        ("HTTP/1.1 9999 Odd\r\n\r\n", nil, false),
    ]

    @Test("an answer is read to its end, in one piece or byte by byte", arguments: answers.indices)
    func answer(index: Int) {
        let (text, status, isComplete) = Self.answers[index]
        let bytes = Array(text.utf8)
        var whole = ResponseScanner()
        whole.receive(bytes[...])
        var pieces = ResponseScanner()
        for index in bytes.indices { pieces.receive(bytes[index...index]) }
        for scanner in [whole, pieces] {
            #expect(scanner.status == status)
            #expect((scanner.state == .complete) == isComplete)
        }
    }

    @Test("an answer without a length ends with its connection; one that was cut off is malformed")
    func end() {
        var open = ResponseScanner()
        open.receive(Array("HTTP/1.0 200 OK\r\n\r\nx".utf8)[...])
        open.receiveEnd()
        #expect(open.state == .complete)
        var cut = ResponseScanner()
        cut.receive(Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".utf8)[...])
        cut.receiveEnd()
        guard case .malformed = cut.state else {
            Issue.record("a cut answer counts as whole")
            return
        }
    }

    @Test("a head without an end is given up at a limit")
    func endlessHead() {
        var scanner = ResponseScanner()
        for _ in 0..<100 { scanner.receive([UInt8](repeating: 65, count: 1024)[...]) }
        #expect(scanner.state == .malformed("the head of the answer is over 64 KiB"))
    }

    @Test("a line is a body, or names its path")
    func warmup() throws {
        let lines = "{\"a\": 1}\n\n{\"path\": \"/x\", \"body\": [1]}\r\n[1, 2]"
        let read = try WarmupRequests(lines: Array(lines.utf8), file: "w", path: "/infer")
        #expect(read.requests.map(\.path) == ["/infer", "/x", "/infer"])
        #expect(read.requests.map { String(decoding: $0.body, as: UTF8.self) } == ["{\"a\": 1}", "[1]", "[1, 2]"])
    }

    @Test(
        "an invalid warm-up file is reported with its line",
        arguments: [
            ("{\"a\": 1}\nnope", "line 2 is not JSON"), ("", "has no request"),
            ("{\"path\": \"x\", \"body\": 1}", "is not a valid path"),
        ])
    func badWarmup(text: String, expected: String) {
        let error = #expect(throws: LocalServingError.self) {
            try WarmupRequests(lines: Array(text.utf8), file: "w.jsonl", path: "/infer")
        }
        #expect(error?.message.contains(expected) == true)
        #expect(error?.retryClass == .terminal)
    }

    @Test("a warm-up file must be in the model's folder")
    func warmupPlace() throws {
        let test = try TestState()
        _ = try test.writeFile("secret", "{}")
        _ = try test.writeFile("model/ok", "{}")
        let folder = "\(test.state.path)/model"
        #expect(try WarmupRequests(Warmup(file: "ok", path: "/"), modelFolder: folder).requests.count == 1)
        for file in ["../secret", "\(test.state.path)/secret", "missing"] {
            #expect(throws: LocalServingError.self) {
                try WarmupRequests(Warmup(file: file, path: "/"), modelFolder: folder)
            }
        }
    }

    @Test("a log is rotated at its limit, and the oldest file is deleted")
    func rotation() throws {
        let test = try TestState()
        let path = "\(test.state.path)/server.log"
        let log = ServerLog(path: path, limit: 100)
        for index in 0..<100 { log.append(Array("line \(index) \(String(repeating: "x", count: 40))\n".utf8)[...]) }
        let files = StateFile.names(in: test.state.path).filter { $0.hasPrefix("server.log") }
        #expect(files == ["server.log", "server.log.1", "server.log.2", "server.log.3", "server.log.4"])
        for file in files { #expect((readSmallFile("\(test.state.path)/\(file)") ?? []).count <= 200) }
        #expect(log.lastWords?.hasPrefix("line 99 ") == true)
        #expect(log.lostBytes == 0)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("output that cannot be written is counted, and the last line is still known")
    func diskFull() {
        let log = ServerLog(path: "/dev/full")
        log.append(Array("out of memory".utf8)[...])
        #expect(log.lostBytes == 13)
        #expect(log.lastWords == "out of memory")
    }

    @Test("the last line is shortened and loses its line end")
    func lastWords() {
        let log = ServerLog(path: "/dev/null")
        log.append(Array((String(repeating: "y", count: 100_000) + "\n\n  \n").utf8)[...])
        #expect(log.lastWords?.count == 300)
        log.forgetLastLine()
        #expect(log.lastWords == nil)
    }
}
