import Foundation

/// Lists the objects of a model in S3, or in a store that speaks its API.
struct S3Store: Sendable {
    static let maximumPages = 400
    static let pageObjects = 1000
    static let emptyTag = "\"\""

    let location: S3Location
    let environment: StoreEnvironment
    let identity: AWSIdentity
    let caller: StoreCaller
    let limits: StorageLimits

    /// The server and the region that requests are for.
    private struct Site: Hashable {
        var endpoint: String?
        var region: String
    }

    /// - Throws: `StorageError`, `CancellationError`.
    func list() async throws -> RemoteListing {
        let settings = try AWSSettings(environment)
        let site = Site(endpoint: settings.endpoint(of: "S3"), region: settings.region)
        do {
            return try await list(site)
        } catch let error as WrongRegion where site.endpoint == nil && AWSSettings.isRegion(error.region) {
            // Amazon's servers say where a bucket is.
            return try await list(Site(endpoint: nil, region: error.region))
        } catch let error as WrongRegion {
            throw StorageError(
                .unsupported,
                "The bucket '\(location.bucket)' is in the region '\(error.region)', not in '\(site.region)'. "
                    + "Set AWS_REGION=\(error.region).")
        }
    }

    private func list(_ site: Site) async throws -> RemoteListing {
        guard AWSSettings.isRegion(site.region) else { throw Self.noRegion(site.region) }
        let access = access(site, isSigned: try await identity.keys() != nil)
        let listing = ObjectListing<S3Location, S3Page.Object>(
            location: location, access: access, limits: limits, maximumPages: Self.maximumPages,
            pageObjects: Self.pageObjects)
        if let version = location.version {
            let query = "versionId=\(PercentEncoding.strict(version))"
            return try listing.pinned(
                RemoteFile(
                    path: location.fileName, location: try address(site, key: location.key, query: query),
                    identity: version))
        }
        return try await listing.list(
            page: { prefix, next, count in
                let page = try await page(site, access, prefix: prefix, after: next, count: count)
                return (page.objects, page.next)
            }, file: { try file($0, path: $1, site) }, noListing: noListing)
    }

    private func page(
        _ site: Site, _ access: StoreAccess, prefix: String, after token: String?, count: Int
    ) async throws -> S3Page {
        // Sorted by name: the signature is made over the query as it stands.
        var query = token.map { "continuation-token=\(PercentEncoding.strict($0))&" } ?? ""
        query += "encoding-type=url&list-type=2&max-keys=\(count)&prefix=\(PercentEncoding.strict(prefix))"
        let answer = try await caller.ask(try address(site, key: "", query: query), access: access)
        guard let page = S3Page(answer) else { throw noListing() }
        return page
    }

    private func noListing() -> StorageError {
        StorageError(
            .protocolError,
            "The answer to a listing of \(location) is not one of S3. Check AWS_ENDPOINT_URL: it must be S3's API, not a "
                + "console.")
    }

    private func file(_ object: S3Page.Object, path: String, _ site: Site) throws -> RemoteFile {
        guard object.bytes >= 0 else { throw noListing() }
        let tag = object.tag.isEmpty || object.tag == Self.emptyTag ? nil : object.tag
        return RemoteFile(
            path: path, location: try address(site, key: object.key, query: nil), bytes: object.bytes, tag: tag,
            identity: "\(object.tag) \(object.modified)")
    }

    /// The path is written in canonical form, because libcurl signs it as it stands.
    private func address(_ site: Site, key: String, query: String?) throws(StorageError) -> WebLocation {
        let path = PercentEncoding.strict(key, keeping: "/")
        let query = query.map { "?\($0)" } ?? ""
        if let endpoint = site.endpoint {
            guard !endpoint.contains("?"), !endpoint.contains("#") else {
                throw StorageError(
                    .unsupported, "AWS_ENDPOINT_URL must not have a query. Write it as https://host:port.")
            }
            return try WebLocation(endpoint: endpoint, path: "\(location.bucket)/\(path)\(query)")
        }
        let domain = "s3.\(site.region).\(AWSSettings.domain(of: site.region))"
        // A wildcard certificate covers one label: buckets with dots are named in the path.
        return location.bucket.contains(".")
            ? try WebLocation("https://\(domain)/\(location.bucket)/\(path)\(query)")
            : try WebLocation("https://\(location.bucket).\(domain)/\(path)\(query)")
    }

    private func access(_ site: Site, isSigned: Bool) -> StoreAccess {
        let (location, identity) = (location, identity)
        return StoreAccess(
            authorize: { try await identity.keys().map { .signed($0, region: site.region) } },
            explain: { head in
                guard !(200..<300).contains(head.status), head.status < 500 else { return nil }
                let failure = S3Failure(head.failureText)
                return S3Refusal(head: head, failure: failure, region: site.region)
                    .error(of: location, isSigned: isSigned)
            })
    }

    static func noRegion(_ text: String) -> StorageError {
        StorageError(.unsupported, "'\(text.prefix(100))' is not an AWS region. Set AWS_REGION, such as eu-central-1.")
    }
}
