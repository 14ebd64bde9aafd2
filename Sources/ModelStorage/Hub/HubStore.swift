import Foundation

/// Lists the files of a model in the Hugging Face hub, or in a mirror of it, at one commit.
struct HubStore: Sendable {
    static let hub = "https://huggingface.co"
    static let commitBytes = 40

    let location: HubLocation
    let environment: StoreEnvironment
    let caller: StoreCaller
    let limits: StorageLimits

    /// - Throws: `StorageError`, `CancellationError`.
    func list() async throws -> RemoteListing {
        let endpoint = environment["HF_ENDPOINT"] ?? Self.hub
        let access = access(try token())
        let revision = PercentEncoding.strict(location.revision)
        let answer = try await caller.ask(
            try WebLocation(
                endpoint: endpoint, path: "api/models/\(location.name)/revision/\(revision)?blobs=true"),
            access: access)
        guard let model = HubModel(answer) else {
            throw StorageError(
                .protocolError, "The answer about \(location) is not one of the hub. Check HF_ENDPOINT.")
        }
        let files = try model.files.filter { location.takes($0.path) }.map { file throws(StorageError) in
            let path = PercentEncoding.strict(file.path, keeping: "/")
            return RemoteFile(
                path: file.path,
                location: try WebLocation(
                    endpoint: endpoint, path: "\(location.name)/resolve/\(model.commit)/\(path)"),
                bytes: file.bytes, digest: file.digest, identity: file.digest?.hex ?? file.blob ?? model.commit)
        }
        guard !files.isEmpty else {
            throw StorageError(
                .notFound, "\(location) holds no files that ?include= and ?exclude= leave. Check the patterns.")
        }
        return try RemoteListing(
            files, isSingleFile: false, access: access, of: location.description, limits: limits)
    }

    /// Nil for public models only.
    private func token() throws -> String? {
        if let token = environment["HF_TOKEN"] { return token }
        let folder = environment["HF_HOME"] ?? "~/.cache/huggingface"
        let path = environment["HF_TOKEN_PATH"] ?? "\(folder)/token"
        let text = try environment.text(of: path)?.trimmingCharacters(in: .whitespacesAndNewlines)
        return text.flatMap { $0.isEmpty ? nil : $0 }
    }

    private func access(_ token: String?) -> StoreAccess {
        let location = location
        return StoreAccess(
            authorize: { token.map { .bearer($0) } },
            explain: { head in HubRefusal(head: head).error(of: location, hasToken: token != nil) })
    }
}

/// An answer of the hub that brings no file. Pure.
struct HubRefusal: Hashable, Sendable {
    var head: ResponseHead

    /// - Returns: nil where the status says enough.
    func error(of location: HubLocation, hasToken: Bool) -> StorageError? {
        switch (head.status, head.errorCode) {
        case (401...403, "GatedRepo"):
            StorageError(
                .unauthorized,
                "\(location) is gated. Accept its conditions on its page, and set HF_TOKEN to a token of that account.")
        case (404, "RevisionNotFound"):
            StorageError(.notFound, "\(location.name) has no revision '\(location.revision)'. Check it.")
        case (401, _), (403, _):
            StorageError(
                .unauthorized,
                hasToken
                    ? "\(location) does not exist, or the token may not read it (\(head.status)). Check the name, and HF_TOKEN."
                    : "\(location) does not exist, or is private (\(head.status)). Check the name, or set HF_TOKEN.")
        case (404, "RepoNotFound"):
            StorageError(
                .notFound, "There is no model \(location.name) that may be read. Check the name, and HF_TOKEN.")
        default: nil
        }
    }
}

/// The hub's answer about a model at one revision.
struct HubModel: Hashable, Sendable {
    struct File: Hashable, Sendable {
        var path: String
        var bytes: Int64?
        var digest: ContentDigest?
        /// git's id of the content.
        var blob: String?
    }

    var commit: String
    var files: [File]

    private struct Answer: Decodable {
        struct Sibling: Decodable {
            struct LFS: Decodable {
                var sha256: String
            }

            var rfilename: String
            var size: Int64?
            var blobId: String?
            var lfs: LFS?
        }

        var sha: String
        var siblings: [Sibling]
    }

    /// - Returns: nil if the bytes are not such an answer.
    init?(_ bytes: [UInt8]) {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(bytes)),
            answer.sha.utf8.count == HubStore.commitBytes,
            answer.sha.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        commit = answer.sha
        files = []
        for sibling in answer.siblings {
            var digest: ContentDigest?
            if let lfs = sibling.lfs {
                guard let named = try? ContentDigest("sha256:\(lfs.sha256)") else { return nil }
                digest = named
            }
            files.append(
                File(path: sibling.rfilename, bytes: sibling.size, digest: digest, blob: sibling.blobId))
        }
    }
}
