import Foundation
import NIOHTTP1

@testable import Commands
@testable import InferenceServer
@testable import LocalServing

/// Model servers: their requests, their answers, and what the operating system reports about them.
extension FuzzTarget {
    static let inferenceRequest = FuzzTarget(
        "inference-request", reads: "requests for predictions, from clients", of: ["InferenceServer"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"inputs\":[", "\"name\":\"x\"", "\"shape\":[1,2]", "\"datatype\":\"FP64\"", "\"FP32\"", "\"INT64\"",
            "\"data\":[1,2]",
            "\"outputs\"", "\"id\"", "/v2/models/m/versions/1/infer", "/v2/health/ready", "/metrics", "?", "%2F",
        ], triesInTests: 100
    ) { input in
        if let request = try? InferRequest(json: input, columns: 2) {
            try demand((1...InferRequest.maximumRows).contains(request.rows.count), "\(request.rows.count) rows")
            try demand(request.rows.allSatisfy { $0.count == 2 && $0.allSatisfy(\.isFinite) }, "\(request.rows)")
        }
        let uri = String(decoding: input, as: UTF8.self)
        for method in [HTTPMethod.GET, .POST] {
            let route = Route(method: method, uri: uri, modelName: "m", modelVersion: "1")
            if route == .infer { try demand(method == .POST, "GET \(uri) infers") }
        }
    }

    static let modelFile = FuzzTarget(
        "model-file", reads: "model files that `mlctl serve-model` loads", of: ["InferenceServer"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"format\":\"mlctl.dev/tabular/v1\"", "\"features\"", "\"classes\"", "\"estimator\"",
            "\"kind\":\"randomForest\"",
            "\"gradientBoosting\"", "\"logisticRegression\"", "\"trees\"", "\"splits\":[[0,0.5,-1,-2]]",
            "\"leaves\":[[1,0],[0,1]]",
            "\"smoothing\"", "\"copies\"", "\"log\"", "\"+\"", "\"output\"", "\"learningRate\"", "\"baseline\"",
        ], triesInTests: 100
    ) { input in
        guard let model = try? TabularModel(json: Data(input), file: "m.json") else { return }
        for value in [0, 1, -1e308, 1e308] {
            let row = [Double](repeating: value, count: model.inputs.count)
            guard let shares = try? model.probabilities(of: row) else { continue }
            try demand(shares.count == model.classes.count && shares.allSatisfy { (0...1).contains($0) }, "\(shares)")
        }
    }

    static let probeAnswer = FuzzTarget(
        "probe-answer", reads: "answers of model servers to probes and warm-up requests", of: ["LocalServing"],
        words: [
            "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 503 \r\n", "Content-Length: ",
            "Transfer-Encoding: chunked\r\n",
            "\r\n", "\r\n\r\n", "5\r\nhello\r\n", "0\r\n\r\n", "-5", "9223372036854775807", "HTTP/1.1 204 x\r\n\r\n",
        ]
    ) { input in
        var whole = ResponseScanner()
        whole.receive(input[...])
        var cut = ResponseScanner()
        for piece in Cuts.pieces(of: input) { cut.receive(piece) }
        try demand(whole.state == cut.state && whole.status == cut.status, "in pieces \(cut), and whole \(whole)")
        try demand(whole.status.map { (200...599).contains($0) } ?? true, "status \(String(describing: whole.status))")
        if case .complete = whole.state { try demand(whole.status != nil, "complete without a status") }
        whole.receiveEnd()
        switch whole.state {
        case .readingHead, .readingBody: throw Violation(description: "it ended, and \(whole.state)")
        case .complete, .malformed: break
        }
    }

    static let processText = FuzzTarget(
        "process-text",
        reads: "the kernel's text about processes, sockets, cgroups and mounts, with names that others choose",
        of: ["LocalServing"],
        words: FuzzTargets.extremes + [
            "1 (a) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100 4096 5", ") ", "(", " 0A ", "0100007F:1F90",
            "usage_usec ", "\\040", " - ", "\n",
        ]
    ) { input in
        if let entry = ProcessTable.Entry(stat: input) {
            let table = ProcessTable(entries: [entry, entry])
            try demand(table.descendants(of: entry.parent).count <= 2, "one process has several entries")
        }
        if let usage = ProcessUsage(stat: input) {
            try demand(usage.residentPages >= 0 && usage.cpuSeconds >= 0, "\(usage)")
        }
        let text = String(decoding: input, as: UTF8.self)
        for line in text.split(separator: "\n") {
            if let socket = ListenTable.Socket(line: line) { _ = (socket.port, socket.isListening) }
        }
        try demand(ControlGroup.cpuSeconds(stat: text).map { $0 >= 0 } ?? true, "negative CPU time")
        try demand(MountPoints.parse(text).count <= text.count { $0 == "\n" } + 1, "there are more mounts than lines")
        try demand(
            !ProcessMark.environment(input, holds: "\(ProcessMark.variable)=never/there"),
            "a mark is found that is not there")
    }

    static let keeperState = FuzzTarget(
        "keeper-state", reads: "files of the state folder, from this and other versions", of: ["LocalServing"],
        words: FuzzTargets.json + FuzzTargets.extremes + [
            "\"version\"", "\"phase\":\"ready\"", "\"server\":{\"pid\":1,\"startTime\":2}", "\"ports\"", "\"restarts\"",
            "\"readySince\"",
            "2026-11-20T09:30:00Z", "\"deployment\"", "\"plan\"", "\"revisions\"", "\"drainLimit\"", "\"template\"",
            "\"nextNumber\"",
            "{\"path\":\"/\",\"body\":1}\n",
        ], triesInTests: 100
    ) { input in
        try checkRoundTrip(InstanceStatus.self, input)
        try checkRoundTrip(InstanceSpec.self, input)
        try checkRoundTrip(InstanceLeaving.self, input)
        try checkRoundTrip(DeploymentRecord.self, input)
        if let warmup = try? WarmupRequests(lines: input, file: "f", path: nil) {
            try demand((1...WarmupRequests.maximumRequests).contains(warmup.requests.count), "\(warmup.requests.count)")
            try demand(
                warmup.requests.allSatisfy { $0.path.hasPrefix("/") && !$0.path.contains(" ") }, "a path that is none")
        }
    }

    /// Reads and writes like the state folder's files.
    private static func checkRoundTrip<Value: Codable & Equatable>(_ type: Value.Type, _ input: [UInt8]) throws {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let value = try? decoder.decode(type, from: Data(input)) else { return }
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        let again = try decoder.decode(type, from: try encoder.encode(value))
        try demand(again == value, "\(type) changed when it was written again: \(value), \(again)")
    }
}
