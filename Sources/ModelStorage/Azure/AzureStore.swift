import Foundation

/// Lists the blobs of a model in Azure Blob Storage.
struct AzureStore: Sendable {
    static let maximumPages = 100
    static let pageBlobs = 5000

    let location: AzureLocation
    let environment: StoreEnvironment
    let caller: StoreCaller
    let limits: StorageLimits
    let identity: AzureIdentity

    private enum Proof: Sendable {
        case key(AzureKey)
        /// A query without its question mark.
        case signature(String)
        case token
        case none
    }

    /// - Throws: `StorageError`, `CancellationError`.
    func list() async throws -> RemoteListing {
        let connection = AzureConnection(environment["AZURE_STORAGE_CONNECTION_STRING"] ?? "")
        let proof = try await proof(connection)
        let endpoint = endpoint(connection)
        let access = access(proof)
        func file(_ blob: AzurePage.Blob, as path: String) throws(StorageError) -> RemoteFile {
            RemoteFile(
                path: path,
                location: try address(endpoint, proof, "\(PercentEncoding.strict(blob.name, keeping: "/"))", query: ""),
                bytes: blob.bytes, tag: blob.tag.isEmpty ? nil : "\"\(blob.tag)\"", identity: blob.tag,
                isFixed: !blob.tag.isEmpty)
        }
        return try await ObjectListing<AzureLocation, AzurePage.Blob>(
            location: location, access: access, limits: limits, maximumPages: Self.maximumPages,
            pageObjects: Self.pageBlobs, noun: "blob"
        ).list(
            page: { prefix, next, count in
                let page = try await page(endpoint, proof, access, prefix: prefix, after: next, count: count)
                return (page.blobs, page.next)
            }, file: { try file($0, as: $1) }, noListing: noListing)
    }

    private func page(
        _ endpoint: String, _ proof: Proof, _ access: StoreAccess, prefix: String, after marker: String?,
        count: Int
    ) async throws -> AzurePage {
        var query = "restype=container&comp=list&maxresults=\(count)&prefix=\(PercentEncoding.strict(prefix))"
        if let marker { query += "&marker=\(PercentEncoding.strict(marker))" }
        let answer = try await caller.ask(try address(endpoint, proof, "", query: query), access: access)
        guard let page = AzurePage(answer) else { throw noListing() }
        return page
    }

    private func noListing() -> StorageError {
        StorageError(
            .protocolError,
            "The answer to a listing of \(location) is not one of Azure. Check AZURE_STORAGE_BLOB_ENDPOINT.")
    }

    private func address(
        _ endpoint: String, _ proof: Proof, _ path: String, query: String
    ) throws(StorageError) -> WebLocation {
        var parts = query.isEmpty ? [] : [query]
        if case .signature(let text) = proof { parts.append(text) }
        let place = location.container + (path.isEmpty ? "" : "/\(path)")
        return try WebLocation(
            endpoint: endpoint, path: place + (parts.isEmpty ? "" : "?\(parts.joined(separator: "&"))"))
    }

    private func endpoint(_ connection: AzureConnection) -> String {
        let domain = connection.fields["endpointsuffix"] ?? "core.windows.net"
        let set = environment["AZURE_STORAGE_BLOB_ENDPOINT"] ?? connection.fields["blobendpoint"]
        return set ?? "https://\(location.account).blob.\(domain)"
    }

    /// What is set for this account. A key of another account proves nothing here.
    private func proof(_ connection: AzureConnection) async throws -> Proof {
        let account = environment["AZURE_STORAGE_ACCOUNT"] ?? connection.fields["accountname"]
        let isOurs = account == nil || account == location.account
        let signature =
            environment["AZURE_STORAGE_SAS_TOKEN"] ?? (isOurs ? connection.fields["sharedaccesssignature"] : nil)
        if let key = environment["AZURE_STORAGE_KEY"] ?? connection.fields["accountkey"], isOurs {
            guard let key = AzureKey(account: location.account, base64: key) else {
                throw StorageError(
                    .unauthorized,
                    "The key of the account '\(location.account)' is not base64. Copy it again from Azure.")
            }
            return .key(key)
        }
        if let signature, isOurs {
            let text = signature.hasPrefix("?") ? String(signature.dropFirst()) : signature
            guard !text.contains("#"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw StorageError(
                    .unauthorized, "AZURE_STORAGE_SAS_TOKEN is no shared access signature. Copy it again from Azure.")
            }
            return .signature(text)
        }
        return try await identity.token() == nil ? .none : .token
    }

    private func access(_ proof: Proof) -> StoreAccess {
        let (location, identity) = (location, identity)
        let hasProof = if case .none = proof { false } else { true }
        return StoreAccess(
            authorize: {
                switch proof {
                case .key(let key): .azure(key)
                case .token: try await identity.token().map { .bearer($0) }
                case .signature, .none: nil
                }
            },
            explain: { head in AzureRefusal(head: head).error(of: location, hasProof: hasProof) },
            fields: [WebField(name: "x-ms-version", value: AzureKey.version)])
    }
}

/// Who a pod is, by workload identity: a token of Kubernetes that Microsoft's login exchanges.
actor AzureIdentity {
    static let login = "https://login.microsoftonline.com/"
    static let scope = "https://storage.azure.com/.default"

    private let environment: StoreEnvironment
    private let caller: StoreCaller
    private let now: @Sendable () -> Date
    private var kept: (text: String, until: Date)?

    init(_ environment: StoreEnvironment, caller: StoreCaller, now: @escaping @Sendable () -> Date) {
        self.environment = environment
        self.caller = caller
        self.now = now
    }

    /// - Returns: nil if no identity is set.
    /// - Throws: `StorageError`, `CancellationError`.
    func token() async throws -> String? {
        guard let tenant = environment["AZURE_TENANT_ID"], let client = environment["AZURE_CLIENT_ID"] else {
            return nil
        }
        if let kept, now() < kept.until { return kept.text }
        var form: KeyValuePairs<String, String>
        if let file = environment["AZURE_FEDERATED_TOKEN_FILE"] {
            guard let proof = try environment.text(of: file)?.trimmingCharacters(in: .whitespacesAndNewlines) else {
                throw StorageError(
                    .unauthorized, "There is no token at \(file), where AZURE_FEDERATED_TOKEN_FILE points.")
            }
            form = [
                "grant_type": "client_credentials", "client_id": client, "scope": Self.scope, "client_assertion": proof,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ]
        } else if let secret = environment["AZURE_CLIENT_SECRET"] {
            form = [
                "grant_type": "client_credentials", "client_id": client, "scope": Self.scope, "client_secret": secret,
            ]
        } else {
            return nil
        }
        let place = try WebLocation(
            endpoint: environment["AZURE_AUTHORITY_HOST"] ?? Self.login,
            path: "\(PercentEncoding.strict(tenant))/oauth2/v2.0/token")
        let access = StoreAccess(explain: { head in
            guard (400..<500).contains(head.status), head.status != 429 else { return nil }
            return StorageError(
                .unauthorized,
                "\(place) does not accept the identity of the client \(client) (\(head.status)). Check AZURE_CLIENT_ID, and its "
                    + "federated credential or secret.")
        })
        guard let fresh = RegistryToken(try await caller.ask(place, access: access, form: WebForm(form))) else {
            throw StorageError(.protocolError, "\(place) answered without a token. Check AZURE_AUTHORITY_HOST.")
        }
        let lifetime = fresh.lifetime ?? 60
        kept = (fresh.text, now().addingTimeInterval(lifetime - min(300, lifetime / 2)))
        return fresh.text
    }
}

/// A page of List Blobs. Pure.
struct AzurePage: Hashable, Sendable {
    struct Blob: ListedObject, Hashable, Sendable {
        var name = ""
        var bytes: Int64 = 0
        /// Without quotation marks.
        var tag = ""
        var isFolder = false

        /// A hierarchical account lists its folders too.
        var isMarker: Bool { isFolder || name.hasSuffix("/") }
    }

    var blobs: [Blob] = []
    var next: String?

    /// - Returns: nil if the bytes are not such a page.
    init?(_ bytes: [UInt8]) {
        var blob = Blob()
        var (isPage, isSound) = (false, true)
        let isWhole = XMLFields.read(bytes) { path, text in
            switch path {
            case ["EnumerationResults"]: isPage = true
            case ["EnumerationResults", "NextMarker"]: next = text.isEmpty ? nil : text
            case ["EnumerationResults", "Blobs", "Blob", "Name"]: blob.name = text
            case ["EnumerationResults", "Blobs", "Blob", "Properties", "Content-Length"]:
                blob.bytes = Int64(text) ?? -1
            case ["EnumerationResults", "Blobs", "Blob", "Properties", "Etag"]:
                blob.tag = text.replacing("\"", with: "")
            case ["EnumerationResults", "Blobs", "Blob", "Properties", "ResourceType"]:
                blob.isFolder = text == "directory"
            case ["EnumerationResults", "Blobs", "Blob"]:
                isSound = isSound && blob.bytes >= 0 && !blob.name.isEmpty
                blobs.append(blob)
                blob = Blob()
            default: break
            }
        }
        guard isWhole, isPage, isSound else { return nil }
    }
}

/// An answer of Azure that brings no blob. Pure.
struct AzureRefusal: Hashable, Sendable {
    var head: ResponseHead

    /// - Returns: nil where the status says enough.
    func error(of location: AzureLocation, hasProof: Bool) -> StorageError? {
        var code = ""
        _ = XMLFields.read(Array(head.failureText.utf8)) { path, text in
            if path == ["Error", "Code"] { code = String(text.prefix(100)) }
        }
        switch (head.status, code) {
        case (404, "ContainerNotFound"):
            return StorageError(.notFound, "There is no container '\(location.container)'. Check its name.")
        case (403, "AuthenticationFailed"):
            return StorageError(
                .unauthorized,
                "Azure does not accept the key or the signature for \(location). Check that the key belongs to the account, that "
                    + "the signature has not expired, and that this machine's clock is right.")
        case (403, "AuthorizationPermissionMismatch"), (403, "AuthorizationFailure"):
            return StorageError(
                .unauthorized,
                "\(location) may not be read with these credentials (\(code)). They need the role Storage Blob Data Reader, or a "
                    + "signature with read and list.")
        case (401, _), (403, _), (404, "ResourceNotFound"), (409, "PublicAccessNotPermitted"):
            guard !hasProof else {
                return head.status == 404
                    ? nil
                    : StorageError(
                        .unauthorized, "\(location) may not be read with these credentials (\(head.status)).")
            }
            return StorageError(
                .unauthorized,
                "\(location) may not be read without credentials, and none are set. Set AZURE_STORAGE_KEY or "
                    + "AZURE_STORAGE_SAS_TOKEN, or AZURE_TENANT_ID and AZURE_CLIENT_ID with an identity.")
        default: return nil
        }
    }
}
