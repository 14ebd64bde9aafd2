import Foundation

/// `mlctl-listing.json`: the files of a folder with their sizes and digests, for web servers, which list no folders. Pure, except
/// for `write`.
package struct ModelListing: Hashable, Sendable {
    package static let fileName = "mlctl-listing.json"
    static let version = 1

    struct File: Hashable, Codable, Sendable {
        var path: String
        var bytes: Int64
        /// 64 hex digits.
        var sha256: String
    }

    private struct Document: Codable {
        var version: Int
        var files: [File]
    }

    var files: [File]

    init(files: [File]) { self.files = files }

    /// - Returns: nil if the bytes are no such listing.
    init?(_ bytes: [UInt8]) {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)),
            document.version == Self.version,
            document.files.allSatisfy({ $0.bytes >= 0 && (try? ContentDigest("sha256:\($0.sha256)")) != nil })
        else { return nil }
        files = document.files
    }

    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return try encoder.encode(Document(version: Self.version, files: files))
    }

    package struct Summary: Hashable, Sendable {
        package var files: Int
        package var bytes: Int64
        /// Of the files, as `model.digest` has it.
        package var digest: String
    }

    /// Writes the listing of a folder into it.
    ///
    /// - Throws: `StorageError`, `CancellationError`.
    package static func write(_ folder: String, limits: StorageLimits = StorageLimits()) async throws -> Summary {
        try await BlockingWork.run { cancellation in
            let scanned = try FileTree(scanning: folder, limits: limits, cancellation: cancellation)
            guard !scanned.isSingleFile else {
                throw StorageError(
                    .unsupported, "\(folder) is a file, which needs no listing. Name its address and its digest.")
            }
            for entry in scanned.entries {
                guard case .file = entry.kind else {
                    throw StorageError(
                        .unusableTree,
                        "\(folder)/\(entry.path) is a symbolic link, which a web server does not show. Replace it with the "
                            + "file.")
                }
            }
            // A listing of before is not one of the model's files, and a web server says nothing of who may run a file.
            let tree = FileTree(
                root: scanned.root,
                files: scanned.entries.filter { $0.path != fileName }
                    .map { FileTree.Entry(path: $0.path, kind: .file(isExecutable: false), bytes: $0.bytes) })
            guard !tree.entries.isEmpty else {
                throw StorageError(.notFound, "\(folder) holds no files. Name the folder of a model.")
            }
            let contents = try tree.contents(cancellation: cancellation)
            let listing = ModelListing(
                files: zip(tree.entries, contents).map { File(path: $0.path, bytes: $0.bytes, sha256: $1.hex) })
            try listing.encoded().write(to: URL(fileURLWithPath: "\(folder)/\(fileName)"), options: .atomic)
            return Summary(
                files: tree.entries.count, bytes: tree.totalBytes, digest: tree.digest(contents: contents).description)
        }
    }
}

/// `https://HOST/FOLDER/`: the files of a folder that a listing names.
struct WebFolder: Hashable, Sendable, CustomStringConvertible {
    /// Ends with a slash.
    private let base: String
    /// With its question mark; empty if there is none. It is sent with each file, because it may be a signature.
    private let query: String

    /// - Returns: nil if the address is not one of a folder or a listing.
    init?(_ uri: String) {
        let place = uri.prefix { $0 != "?" && $0 != "#" }
        guard place.utf8.count == uri.utf8.count || uri.dropFirst(place.count).hasPrefix("?") else { return nil }
        if place.hasSuffix("/") {
            base = String(place)
        } else if place.hasSuffix("/\(ModelListing.fileName)") {
            base = String(place.dropLast(ModelListing.fileName.utf8.count))
        } else {
            return nil
        }
        query = String(uri.dropFirst(place.count))
    }

    /// - Throws: `StorageError` with `unsupported`.
    func address(_ path: String) throws(StorageError) -> WebLocation {
        try WebLocation(base + PercentEncoding.strict(path, keeping: "/") + query)
    }

    var description: String { WebLocation.redacted(base) }

    /// - Throws: `StorageError`, `CancellationError`.
    func list(_ caller: StoreCaller, limits: StorageLimits) async throws -> RemoteListing {
        let place = try address(ModelListing.fileName)
        let access = StoreAccess(explain: { head in
            guard head.status == 404 else { return nil }
            return StorageError(
                .notFound,
                "\(self) has no \(ModelListing.fileName) (404). Run `mlctl pack FOLDER` and upload the file that it writes, or "
                    + "name a single file or an archive.")
        })
        guard let listing = ModelListing(try await caller.ask(place, access: access)) else {
            throw StorageError(
                .protocolError, "\(place) is no listing of version \(ModelListing.version). Write it with `mlctl pack`."
            )
        }
        let files = try listing.files.map { file throws(StorageError) in
            RemoteFile(
                path: file.path, location: try address(file.path), bytes: file.bytes,
                digest: try ContentDigest("sha256:\(file.sha256)"), identity: file.sha256)
        }
        return try RemoteListing(files, isSingleFile: false, access: .anonymous, of: "\(self)", limits: limits)
    }
}
