import Foundation

/// Downloads into a partial file that survives interruptions, cancellation and restarts.
struct WebDownload: Sendable {
    enum Result: Hashable, Sendable {
        case complete(ResponseHead, wasContinued: Bool)
        case unchanged
    }

    /// Stored beside the partial file: the validator that proves that the server's file is still the same.
    private struct Part: Codable {
        var validator: String?
    }

    let location: WebLocation
    let isVerified: Bool
    let known: PinMemo.Validators?
    let limits: StorageLimits
    let path: String
    var access = StoreAccess.anonymous
    /// The ETag that a store's listing gave for the file.
    var listedTag: String?
    /// Whether a store listed the file.
    var isListed = false
    var form: WebForm?
    let progress: @Sendable (TransferProgress) -> Void

    private var partPath: String { path + ".part" }

    /// - Throws: `StorageError`, `CancellationError`. The partial file stays, so that the next run resumes it.
    func run() async throws -> Result {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        var bytes = bytesOnDisk
        var plan = TransferPlan(
            origin: location, isVerified: isVerified, validator: validator, known: known, listedTag: listedTag,
            isListed: isListed, limits: limits)
        var wasContinued = false
        var action = plan.start(bytes: bytes)
        // This loop ends, because the plan limits attempts and redirects.
        while true {
            switch action {
            case .request(let request):
                let before = request.offset
                wasContinued = wasContinued || before > 0
                let outcome = try await transfer(request)
                if case .answered(let head, _) = outcome, let error = access.explain(head) { throw error }
                bytes = bytesOnDisk
                action = plan.ended(outcome, bytes: bytes, before: before)
            case .wait(let duration, then: let request):
                try await Task.sleep(for: duration)
                action = .request(request)
            case .complete(let head):
                try PageCheck.check(path, head, of: location)
                return .complete(head, wasContinued: wasContinued)
            case .unchanged: return .unchanged
            case .fail(let error): throw error
            }
        }
    }

    func discard() {
        try? FileManager.default.removeItem(atPath: path)
        try? FileManager.default.removeItem(atPath: partPath)
    }

    private func transfer(_ request: TransferPlan.Request) async throws -> TransferPlan.Outcome {
        let free = try FileCall.freeBytes(at: (path as NSString).deletingLastPathComponent)
        var request = request
        if request.location.server == location.server, request.location.isEncrypted == location.isEncrypted {
            request.authorization = try await access.authorize()
            request.fields = access.fields
            request.form = form
            request.method = access.method
        }
        let transfer = CurlTransfer(request: request, limits: limits, roomBytes: free - limits.minimumFreeBytes)
        let (path, partPath, progress) = (path, partPath, progress)
        return try await BlockingWork.run { cancellation in
            try transfer.run(into: path, cancellation: cancellation) { head in
                // An error is ignored: without the validator, the download only cannot be resumed.
                let part = try? JSONEncoder().encode(Part(validator: head.rangeValidator))
                try? part?.write(to: URL(fileURLWithPath: partPath), options: .atomic)
            } progress: {
                progress($0)
            }
        }
    }

    var bytesOnDisk: Int64 { (try? FileCall.status(of: path)).map { Int64($0.st_size) } ?? 0 }

    private var validator: String? {
        guard let data = FileManager.default.contents(atPath: partPath) else { return nil }
        return (try? JSONDecoder().decode(Part.self, from: data))?.validator
    }
}
