import Foundation
import ModelManifests
import Serving
import TestSupport
import Testing

@testable import TrafficProxy

@Suite("gRPC calls of grpcio", .serialized, .enabled(if: GRPCPython.isAvailable, "\(GRPCPython.absence)"))
struct CallTests {
    private typealias Answer = GRPCPython.Answer

    private func marks() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private func lines(_ folder: URL, _ name: String) -> Int {
        ((try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? "").split(separator: "\n").count
    }

    @Test("a call passes with its metadata and trailers, and its status decides what counts")
    func unary() async throws {
        try await PlaneHarness.run { harness in
            let server = try GRPCPython.Server("v1")
            let port = try await harness.routeCalls(["a": (100, server.port, nil)])
            let place = "127.0.0.1:\(port)"
            let answer = try await GRPCPython.call(place, "Predict", "hello", as: Answer.self)
            #expect(answer.status == "OK" && answer.answer == "v1:hello" && answer.revision == "a")
            #expect(answer.initial["x-version"] == "v1" && answer.trailing["x-trailer"] == "t-v1")
            #expect(answer.trailing["x-bytes-bin"] == #"b'\x00\xff'"#)
            for (status, isError) in [("UNAVAILABLE", true), ("INVALID_ARGUMENT", false), ("NOT_FOUND", false)] {
                let before = try await harness.instance("a-0", inFlight: 0).counters
                let failed = try await GRPCPython.call(place, "Fail", status, as: Answer.self)
                #expect(failed.status == status && failed.details == "100% as asked: é")
                let after = try await harness.instance("a-0", inFlight: 0, requests: before.requests + 1).counters
                #expect(after.errors - before.errors == (isError ? 1 : 0))
                #expect(after.rejected - before.rejected == (isError ? 0 : 1))
            }
            let fields = try await GRPCPython.call(place, "Fields", as: Answer.self)
            #expect(fields.answer.contains("x-forwarded-for") && fields.answer.contains("x-mlctl-request-id"))
        }
    }

    @Test("streams pass in both directions, and each message at once")
    func streams() async throws {
        struct Chat: Decodable { var status: String, answers: [String] }
        struct Count: Decodable { var status: String, sum: Int, count: Int }
        try await PlaneHarness.run { harness in
            let server = try GRPCPython.Server("v1")
            let port = try await harness.routeCalls(["a": (100, server.port, nil)])
            let place = "127.0.0.1:\(port)"
            let chat = try await GRPCPython.call(place, "chat", "20", as: Chat.self)
            #expect(chat.status == "OK" && chat.answers == (0..<20).map { "v1:\($0)" })
            let count = try await GRPCPython.call(place, "count", "1000", as: Count.self)
            #expect(count.status == "OK" && count.sum == 500_500 && count.count == 1000)
            let swallowed = try await GRPCPython.call(place, "swallow", "100", as: Answer.self)
            #expect(swallowed.status == "OK" && swallowed.answer == "6553600")
        }
    }

    @Test("each call of one connection is placed by weight, or by its user")
    func placement() async throws {
        try await PlaneHarness.run { harness in
            let (stable, candidate) = (try GRPCPython.Server("v1"), try GRPCPython.Server("v2"))
            let port = try await harness.routeCalls(["a": (75, stable.port, nil), "b": (25, candidate.port, nil)])
            let totals = try await GRPCPython.call("127.0.0.1:\(port)", "load", "1", as: [String: Int].self)
            let (ofStable, ofCandidate) = (totals["a OK"] ?? 0, totals["b OK"] ?? 0)
            #expect(totals.count == 2 && ofCandidate > 0, "\(totals)")
            let share = Double(ofCandidate) / Double(ofStable + ofCandidate)
            #expect((0.15...0.35).contains(share), "\(totals)")
            try await harness.routeCalls(
                ["a": (50, stable.port, nil), "b": (50, candidate.port, nil)], routing: .stickyHeader("x-user"),
                generation: 2)
            var revisions: [String: Set<String>] = [:]
            for user in ["u1", "u2", "u3", "u1", "u2", "u3"] {
                let answer = try await GRPCPython.call("127.0.0.1:\(port)", "user", user, as: Answer.self)
                revisions[user, default: []].insert(answer.revision ?? "?")
            }
            #expect(revisions.values.allSatisfy { $0.count == 1 }, "\(revisions)")
        }
    }

    @Test("a call ends at its deadline, at the server, too, and counts as an error")
    func deadline() async throws {
        let folder = try marks()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await PlaneHarness.run { harness in
            let server = try GRPCPython.Server("v1", marks: folder)
            let port = try await harness.routeCalls(["a": (100, server.port, nil)])
            let answer = try await GRPCPython.call("127.0.0.1:\(port)", "deadline", "0.5", as: Answer.self)
            #expect(answer.status == "DEADLINE_EXCEEDED")
            let counters = try await harness.instance("a-0", inFlight: 0, requests: 1).counters
            #expect(counters.requests == 1 && counters.errors == 1)
            #expect(
                try await eventually {
                    lines(folder, "cancelled")
                } until: {
                    $0 == 1
                } == 1)
        }
    }

    @Test("a client that cancels a call ends it at the server")
    func cancellation() async throws {
        struct Cancelled: Decodable { var cancelled: Bool }
        let folder = try marks()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await PlaneHarness.run { harness in
            let server = try GRPCPython.Server("v1", marks: folder)
            let port = try await harness.routeCalls(["a": (100, server.port, nil)])
            let call = try await GRPCPython.call("127.0.0.1:\(port)", "cancel", "20", as: Cancelled.self)
            #expect(call.cancelled)
            #expect(
                try await eventually {
                    lines(folder, "cancelled")
                } until: {
                    $0 == 1
                } == 1)
            #expect(try await harness.instance("a-0", inFlight: 0).counters.errors == 0)
        }
    }

    @Test("a client that does not read stops the server from sending")
    func backPressure() async throws {
        struct Flood: Decodable { var status: String, bytes: Int }
        let folder = try marks()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await PlaneHarness.run { harness in
            let server = try GRPCPython.Server("v1", marks: folder)
            let port = try await harness.routeCalls(["a": (100, server.port, nil)])
            let messages = 800
            let client = try GRPCPython.client("127.0.0.1:\(port)", "flood", "\(messages)")
            defer { client.stop() }
            #expect(try client.readLine() == "paused")
            // The same number twice, a moment apart: nothing is sent any more.
            var sent = -1
            let held = try await eventually {
                try await Task.sleep(for: .milliseconds(200))
                defer { sent = lines(folder, "sent") }
                return (before: sent, now: lines(folder, "sent"))
            } until: {
                $0.before == $0.now
            }
            #expect(held.now < messages / 2, "\(held)")
        }
    }

    @Test("an instance that is away is unavailable, as a proper answer of gRPC")
    func away() async throws {
        try await PlaneHarness.run { harness in
            let port = try await harness.routeCalls(["a": (100, try HeldPort.refusing(), nil)])
            let answer = try await GRPCPython.call("127.0.0.1:\(port)", "Predict", "x", as: Answer.self)
            #expect(answer.status == "UNAVAILABLE" && answer.revision == "a")
            #expect(answer.details?.contains("refused the connection") == true)
            #expect(try await harness.instance("a-0", requests: 1).counters.errors == 1)
        }
    }

    @Test("a deployment without a port for gRPC says so")
    func noPort() async throws {
        try await PlaneHarness.run { harness in
            let server = try await ScriptedUpstream(.status(200))
            let port = try await harness.route(["a": (100, [server.port])])
            let answer = try await GRPCPython.call("127.0.0.1:\(port)", "Predict", "x", as: Answer.self)
            #expect(answer.status == "UNIMPLEMENTED")
            #expect(answer.details?.contains("protocol: h2c") == true)
            #expect(try await harness.instance("a-0", requests: 1).counters.rejected == 1)
        }
    }

    @Test("a server that dies in a stream ends it as unavailable, and the next one is used at once")
    func restart() async throws {
        try await PlaneHarness.run { harness in
            let server = try GRPCPython.Server("v1")
            let port = try await harness.routeCalls(["a": (100, server.port, nil)])
            let client = try GRPCPython.client("127.0.0.1:\(port)", "flood", "5000")
            #expect(try client.readLine() == "paused")
            client.stop()
            #expect(try await harness.instance("a-0", inFlight: 0).inFlight == 0)
            async let slow = GRPCPython.call("127.0.0.1:\(port)", "Sleep", "20", as: Answer.self)
            #expect(try await harness.instance("a-0", inFlight: 1).inFlight == 1)
            server.stop()
            #expect(try await slow.status == "UNAVAILABLE")
            let next = try GRPCPython.Server("v2")
            try await harness.routeCalls(["a": (100, next.port, nil)], generation: 2)
            let answer = try await GRPCPython.call("127.0.0.1:\(port)", "Predict", "x", as: Answer.self)
            #expect(answer.answer == "v2:x")
        }
    }

    @Test("no call is cut by new weights, and one that outlives its drain ends as unavailable")
    func weights() async throws {
        try await PlaneHarness.run { harness in
            let (old, new) = (try GRPCPython.Server("v1"), try GRPCPython.Server("v2"))
            let port = try await harness.routeCalls(["a": (100, old.port, nil)])
            let place = "127.0.0.1:\(port)"
            async let first = GRPCPython.call(place, "Sleep", "3", as: Answer.self)
            #expect(try await harness.instance("a-0", inFlight: 1).inFlight == 1)
            try await harness.routeCalls(["a": (0, old.port, nil), "b": (100, new.port, nil)], generation: 2)
            #expect(try await GRPCPython.call(place, "Predict", "x", as: Answer.self).revision == "b")
            try await harness.routeCalls(["b": (100, new.port, nil)], drain: .seconds(30), generation: 3)
            #expect(try await first.answer == "slept")
            async let late = GRPCPython.call(place, "Sleep", "20", as: Answer.self)
            #expect(try await harness.instance("b-0", inFlight: 1).inFlight == 1)
            try await harness.routeCalls(
                ["a": (100, old.port, nil)], drain: .milliseconds(100), streamDrain: .milliseconds(100), generation: 4)
            #expect(try await late.status == "UNAVAILABLE")
            #expect(try await harness.instance("b-0", inFlight: 0).counters.errors == 0)
        }
    }

    @Test("calls wait for room as requests do")
    func concurrency() async throws {
        try await PlaneHarness.run { harness in
            let server = try GRPCPython.Server("v1")
            let port = try await harness.routeCalls(
                ["a": (100, server.port, nil)],
                concurrency: ConcurrencyLimit(perInstance: 1, queueDepth: 1, queueTimeout: .seconds(10)))
            let place = "127.0.0.1:\(port)"
            async let first = GRPCPython.call(place, "Sleep", "3", as: Answer.self)
            #expect(try await harness.instance("a-0", inFlight: 1).inFlight == 1)
            #expect(try await GRPCPython.call(place, "Sleep", "0", as: Answer.self).answer == "slept")
            #expect(try await first.answer == "slept")
            #expect(try await harness.instance("a-0", inFlight: 0, requests: 2).counters.errors == 0)
        }
    }
}
