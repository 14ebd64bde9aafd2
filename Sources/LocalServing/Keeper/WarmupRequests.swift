import Foundation
import ModelManifests
import Serving

/// The requests that a new instance answers before it takes traffic: `RequestLines` of a file in the model's folder. Lines
/// without a path of their own go to `runtime.warmup.path`.
struct WarmupRequests: Equatable, Sendable {
    static let maximumBytes = 16 << 20
    static let maximumRequests = 1000

    var requests: [RequestLines.Request]

    /// - Throws: `LocalServingError.invalidCommand` with the file and the line.
    init(_ warmup: Warmup, modelFolder: String) throws {
        let file = try ModelFolderFile(
            warmup.file, field: "runtime.warmup.file", in: modelFolder, maximumBytes: Self.maximumBytes)
        guard let bytes = try file.read() else {
            throw LocalServingError(
                .invalidCommand,
                "runtime.warmup.file \(warmup.file) is not in the model's folder. Put it there, "
                    + "or remove `warmup` from the runtime.")
        }
        try self.init(lines: bytes, file: warmup.file, path: warmup.path)
    }

    init(lines bytes: [UInt8], file: String, path: String?) throws {
        do throws(RequestLines.Fault) {
            requests = try RequestLines(
                bytes, file: file, path: path, pathField: "runtime.warmup.path", requestsMax: Self.maximumRequests
            ).requests
        } catch {
            throw LocalServingError(.invalidCommand, error.message)
        }
    }
}

/// Sends the requests one after the other. The first failure ends the run.
final class WarmupRun {
    private let requests: [RequestLines.Request]
    private let port: Int
    private let deadline: Duration
    private var next = 0
    private var refused: [Int: Int] = [:]
    private var exchange: LoopbackExchange?
    private(set) var outcome: WarmupOutcome?

    init(_ requests: WarmupRequests, port: Int, deadline: Duration) {
        self.requests = requests.requests
        self.port = port
        self.deadline = deadline
        startNext()
    }

    var descriptor: Int32? { exchange?.descriptor }
    var wants: Int16 { exchange?.wants ?? 0 }
    var nextDeadline: Duration { exchange?.result == nil ? deadline : .zero }

    func proceed(at now: Duration, isReady: Bool) -> WarmupOutcome? {
        guard outcome == nil, let exchange else { return outcome }
        guard exchange.proceed(at: now, isReady: isReady), let result = exchange.result else { return nil }
        let place = "warm-up request \(next) of \(requests.count)"
        switch result {
        case .answered(let status) where status >= 500:
            outcome = .failed("\(place) got status \(status): the model does not work yet; see `mlctl logs`")
        case .answered(let status):
            if status >= 400 { refused[status, default: 0] += 1 }
            startNext()
        case .failed(let why): outcome = .failed("\(place) failed: \(why)")
        case .connected: outcome = .failed("\(place) was not sent")
        }
        return outcome
    }

    private func startNext() {
        guard next < requests.count else {
            exchange = nil
            outcome = .played(notes: notes)
            return
        }
        let request = requests[next]
        next += 1
        exchange = LoopbackExchange(
            port: port,
            request: LoopbackExchange.request(method: "POST", path: request.path, port: port, body: request.body),
            extent: .wholeAnswer, deadline: deadline)
    }

    private var notes: String? {
        guard !refused.isEmpty else { return nil }
        let counts = refused.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
        return "some of \(requests.count) warm-up requests were refused (\(counts)): check the warm-up file"
    }
}
