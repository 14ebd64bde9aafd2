import Foundation
import ModelManifests

/// The requests that a new instance must answer before it gets traffic: a file in the model's folder with one JSON object per
/// line. A line `{"path": …, "body": …}` names its own path. Any other line is a body for `runtime.warmup.path`.
struct WarmupRequests: Equatable, Sendable {
    static let maximumBytes = 16 << 20
    static let maximumRequests = 1000

    struct Request: Equatable, Sendable {
        var path: String
        var body: [UInt8]
    }

    var requests: [Request]

    /// - Throws: `LocalServingError.invalidCommand` with the file and the line.
    init(_ warmup: Warmup, modelFolder: String) throws {
        let file = try ModelFolderFile(
            warmup.file, field: "runtime.warmup.file", in: modelFolder, maximumBytes: Self.maximumBytes)
        guard let bytes = try file.read() else {
            throw Self.error(
                "runtime.warmup.file \(warmup.file) is not in the model's folder. Put it there, "
                    + "or remove `warmup` from the runtime.")
        }
        try self.init(lines: bytes, file: warmup.file, path: warmup.path)
    }

    init(lines bytes: [UInt8], file: String, path: String?) throws {
        requests = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { $0 != 32 && $0 != 13 && $0 != 9 }) else { continue }
            guard requests.count < Self.maximumRequests else {
                throw Self.error("\(file) has more than \(Self.maximumRequests) requests. Keep fewer.")
            }
            requests.append(try Self.request(Data(line), place: "\(file), line \(index + 1)", path: path))
        }
        guard !requests.isEmpty else { throw Self.error("\(file) has no request. Write one JSON object per line.") }
    }

    private static func request(_ line: Data, place: String, path: String?) throws -> Request {
        guard let parsed = try? JSONSerialization.jsonObject(with: line) else {
            throw error("\(place) is not JSON. Write one JSON object per line.")
        }
        var wanted = path
        var body = line
        if let object = parsed as? [String: Any], Set(object.keys) == ["path", "body"],
            let own = object["path"] as? String, let inner = object["body"]
        {
            wanted = own
            body = try JSONSerialization.data(withJSONObject: inner, options: [.fragmentsAllowed, .sortedKeys])
        }
        guard let wanted else {
            throw error("\(place) has no path. Set runtime.warmup.path, or write {path, body}.")
        }
        guard wanted.hasPrefix("/"), wanted.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            throw error(
                "\(place): \(wanted.debugDescription) is not a valid path. A path starts with '/' and has no spaces.")
        }
        return Request(path: wanted, body: Array(body))
    }

    private static func error(_ message: String) -> LocalServingError {
        LocalServingError(.invalidCommand, message, retry: .terminal)
    }
}

/// Sends the requests one after the other. The first failure ends the run.
final class WarmupRun {
    private let requests: [WarmupRequests.Request]
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
