import Foundation

/// Asks a store's API, and reads the whole answer.
struct StoreCaller: Sendable {
    static let maximumAnswerBytes: Int64 = 64 << 20
    static let answerTimeout = Duration.seconds(120)

    let limits: StorageLimits
    /// For answers on their way.
    let folder: String

    /// - Throws: `StorageError`, also for answers other than 200; `CancellationError`.
    func ask(
        _ location: WebLocation, access: StoreAccess = .anonymous, form: WebForm? = nil
    ) async throws -> [UInt8] {
        var limits = limits
        limits.maximumModelBytes = Self.maximumAnswerBytes
        limits.transferTimeout = min(limits.transferTimeout, Self.answerTimeout)
        let download = WebDownload(
            location: location, isVerified: false, known: nil, limits: limits,
            path: "\(folder)/\(UUID().uuidString).answer", access: access, form: form, progress: { _ in })
        defer { download.discard() }
        do {
            guard case .complete = try await download.run() else {
                throw StorageError(.protocolError, "\(location) was not answered with a body. Check the server.")
            }
        } catch let error as StorageError where error.code == .tooLarge {
            throw StorageError(
                .tooLarge,
                "The answer of \(location) has more than \(SizeText.of(Self.maximumAnswerBytes)). Check the server."
            )
        }
        let path = download.path
        return try await BlockingWork.run { cancellation in
            var bytes: [UInt8] = []
            try FileCall.withDescriptor(path, O_RDONLY) { descriptor in
                try FileCall.read(descriptor, path: path, cancellation: cancellation) { bytes += $0 }
            }
            return bytes
        }
    }
}
