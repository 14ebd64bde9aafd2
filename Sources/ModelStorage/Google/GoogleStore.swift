import Foundation

/// Lists the objects of a model in Google Cloud Storage, each at its generation.
struct GoogleStore: Sendable {
    static let host = "https://storage.googleapis.com"
    static let maximumPages = 400
    static let pageObjects = 1000
    static let fields = "nextPageToken,items(name,size,generation)"

    let location: GoogleLocation
    let environment: StoreEnvironment
    let identity: GoogleIdentity
    let caller: StoreCaller
    let limits: StorageLimits

    /// - Throws: `StorageError`, `CancellationError`.
    func list() async throws -> RemoteListing {
        let endpoint = Self.endpoint(environment)
        let access = access(isSigned: try await identity.authorization() != nil)
        let listing = ObjectListing<GoogleLocation, GooglePage.Object>(
            location: location, access: access, limits: limits, maximumPages: Self.maximumPages,
            pageObjects: Self.pageObjects)
        if let generation = location.generation {
            return try listing.pinned(
                RemoteFile(
                    path: location.fileName, location: try address(endpoint, location.name, generation),
                    identity: "\(generation)"))
        }
        return try await listing.list(
            page: { prefix, next, count in
                let page = try await page(endpoint, access, prefix: prefix, after: next, count: count)
                return (page.objects, page.next)
            }, file: { try file(endpoint, $0, path: $1) }, noListing: noListing)
    }

    private func page(
        _ endpoint: String, _ access: StoreAccess, prefix: String, after token: String?, count: Int
    ) async throws -> GooglePage {
        var query = "prefix=\(PercentEncoding.strict(prefix))&maxResults=\(count)"
        query += "&fields=\(PercentEncoding.strict(Self.fields))"
        if let token { query += "&pageToken=\(PercentEncoding.strict(token))" }
        let (bucket, explain) = (location.bucket, access.explain)
        var access = access
        access.explain = { head in
            // A listing without objects is an empty answer, so only the bucket can be missing.
            head.status == 404
                ? StorageError(.notFound, "There is no bucket '\(bucket)'. Check its name.") : explain(head)
        }
        let answer = try await caller.ask(
            try WebLocation(endpoint: endpoint, path: "storage/v1/b/\(location.bucket)/o?\(query)"), access: access)
        guard let page = GooglePage(answer) else { throw noListing() }
        return page
    }

    private func noListing() -> StorageError {
        StorageError(
            .protocolError,
            "The answer to a listing of \(location) is not one of Cloud Storage. Check STORAGE_EMULATOR_HOST.")
    }

    private func file(_ endpoint: String, _ object: GooglePage.Object, path: String) throws -> RemoteFile {
        RemoteFile(
            path: path, location: try address(endpoint, object.name, object.generation), bytes: object.bytes,
            identity: "\(object.generation)")
    }

    private func address(_ endpoint: String, _ name: String, _ generation: Int64) throws(StorageError) -> WebLocation {
        try WebLocation(
            endpoint: endpoint,
            path:
                "download/storage/v1/b/\(location.bucket)/o/\(PercentEncoding.strict(name))?alt=media&generation=\(generation)"
        )
    }

    /// The emulator's address, as Google's clients read it, or Google's own.
    static func endpoint(_ environment: StoreEnvironment) -> String {
        guard let host = environment["STORAGE_EMULATOR_HOST"] else { return Self.host }
        return host.contains("://") ? host : "http://\(host)"
    }

    private func access(isSigned: Bool) -> StoreAccess {
        let (location, identity) = (location, identity)
        return StoreAccess(
            authorize: { try await identity.authorization() },
            explain: { head in GoogleRefusal(head: head).error(of: location, isSigned: isSigned) },
            // Without this, the server unpacks objects that are stored with gzip, and their size is not the listed one.
            fields: [WebField(name: "Accept-Encoding", value: "gzip")])
    }
}

/// A page of a listing. Pure.
struct GooglePage: Hashable, Sendable {
    struct Object: ListedObject, Hashable, Sendable {
        var name: String
        var bytes: Int64
        var generation: Int64
    }

    var objects: [Object]
    var next: String?

    private struct Answer: Decodable {
        /// Numbers are texts in this API; an emulator may write numbers.
        struct Number: Decodable {
            var value: Int64

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(Int64.self) {
                    value = number
                } else {
                    value = Int64(try container.decode(String.self)) ?? -1
                }
            }
        }

        struct Item: Decodable {
            var name: String
            var size: Number
            var generation: Number
        }

        var items: [Item]?
        var nextPageToken: String?
        var error: String?
    }

    /// - Returns: nil if the bytes are not such a page.
    init?(_ bytes: [UInt8]) {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(bytes)) else { return nil }
        objects = (answer.items ?? []).map {
            Object(name: $0.name, bytes: $0.size.value, generation: $0.generation.value)
        }
        guard objects.allSatisfy({ $0.bytes >= 0 && $0.generation >= 0 }) else { return nil }
        next = answer.nextPageToken.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// An answer of Cloud Storage that brings no object. Pure.
struct GoogleRefusal: Hashable, Sendable {
    var head: ResponseHead

    private struct Answer: Decodable {
        struct Failure: Decodable { var message: String? }
        var error: Failure?
    }

    /// - Returns: nil where the status says enough.
    func error(of location: GoogleLocation, isSigned: Bool) -> StorageError? {
        let answer = try? JSONDecoder().decode(Answer.self, from: Data(head.failureText.utf8))
        let said = (answer?.error?.message).map { " (\($0.prefix(200)))" } ?? ""
        switch head.status {
        case 401:
            return StorageError(
                .unauthorized,
                isSigned
                    ? "Google does not accept the credentials for \(location)\(said). Check that the key or token is not "
                        + "revoked or expired."
                    : Self.none(location))
        case 403:
            return StorageError(
                .unauthorized,
                isSigned
                    ? "\(location) may not be read with these credentials\(said). They need storage.objects.list and "
                        + "storage.objects.get."
                    : Self.none(location))
        case 404 where location.generation != nil:
            return StorageError(.notFound, "\(location) does not exist. Check the path and the generation.")
        default: return nil
        }
    }

    private static func none(_ location: GoogleLocation) -> String {
        "\(location) may not be read without credentials, and none are set. Set GOOGLE_APPLICATION_CREDENTIALS to the file of a "
            + "service account, or run `gcloud auth application-default login`."
    }
}
