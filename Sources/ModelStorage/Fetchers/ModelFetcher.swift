/// A program of the operator's that fetches the models of one scheme, such as `dvc`.
package protocol ModelFetcher: Sendable {
    /// Fetches all files of a model.
    ///
    /// - Parameters:
    ///   - address: as the manifest has it, without `fetch+`: `dvc:ADDRESS`.
    ///   - folder: exists, and is empty.
    /// - Throws: `StorageError`; `CancellationError`, after the program has ended.
    func fetch(
        _ address: String, into folder: String, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws
}

/// `fetch+NAME:ADDRESS`: files that the fetcher NAME of the settings brings.
struct FetcherLocation: Hashable, Sendable, CustomStringConvertible {
    static let prefix = "fetch+"
    static let form = "fetch+NAME:ADDRESS"
    static let maximumBytes = 4000

    let name: String
    /// `NAME:ADDRESS`.
    let address: String

    /// - Returns: nil if the URI is of another kind.
    /// - Throws: `StorageError` with `unsupported`.
    init?(_ uri: String) throws(StorageError) {
        guard uri.hasPrefix(Self.prefix) else { return nil }
        let address = uri.dropFirst(Self.prefix.count)
        let name = address.prefix { $0 != ":" }
        let isName = name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D }
        guard isName, (1...63).contains(name.utf8.count), name.first != "-", address.utf8.count > name.utf8.count + 1,
            uri.utf8.count <= Self.maximumBytes
        else {
            throw StorageError(
                .unsupported, "'\(WebLocation.redacted(uri))' names no fetcher and address. Write it as \(Self.form).")
        }
        self.name = String(name)
        self.address = String(address)
    }

    var description: String { WebLocation.redacted("\(Self.prefix)\(address)") }
}
