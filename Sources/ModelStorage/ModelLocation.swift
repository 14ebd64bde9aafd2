import Foundation

/// Where a model's files are, read from a URI.
enum ModelLocation: Hashable, Sendable {
    /// An absolute path of a file or a folder.
    case file(path: String)
    case web(WebLocation)
    /// Files that a store lists.
    case remote(RemoteLocation)
    /// Files that a program of the operator's fetches.
    case fetched(FetcherLocation)
    /// A name in a registry. It leads to another location.
    case reference(MLflowReference)

    static let schemes = ["https", "s3", "gs", "az", "hf", "oci", "models", "runs", "mlflow-artifacts", "file"]

    /// - Parameter base: the folder that `file:./…` is relative to; nil refuses relative URIs.
    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String, base: String? = nil) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        guard uri.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }), let colon = uri.firstIndex(of: ":") else {
            throw StorageError(
                .unsupported,
                "'\(safe)' is not a URI. Write file:///absolute/path or https://host/path, with %20 for blanks."
            )
        }
        let scheme = String(uri[..<colon])
        guard scheme == scheme.lowercased() else {
            throw StorageError(
                .unsupported, "'\(safe)' has a scheme with capital letters. Write it as \(scheme.lowercased()):.")
        }
        switch scheme {
        case "file":
            self = .file(path: try Self.path(of: uri[uri.index(after: colon)...], base: base, uri: safe))
        case "https", "http":
            let place = try WebLocation(uri)
            self = WebFolder(uri).map { .remote(.listing($0)) } ?? .web(place)
        case "models", "runs": self = .reference(try MLflowReference(uri))
        default:
            if let fetched = try FetcherLocation(uri) {
                self = .fetched(fetched)
                return
            }
            guard let remote = try RemoteLocation(uri, scheme: scheme) else {
                throw StorageError(
                    .unsupported,
                    "'\(scheme):' is not available in this version; use one of "
                        + "\(Self.schemes.map { "\($0):" }.joined(separator: ", ")) instead of '\(safe)'.")
            }
            self = .remote(remote)
        }
    }

    private static func path(of rest: Substring, base: String?, uri: String) throws(StorageError) -> String {
        var path = rest
        if path.hasPrefix("//localhost/") {
            path = path.dropFirst("//localhost".count)
        } else if path.hasPrefix("//") {
            path = path.dropFirst(2)
        }
        guard let decoded = path.removingPercentEncoding, !decoded.isEmpty, !decoded.utf8.contains(0) else {
            throw StorageError(.unsupported, "'\(uri)' does not name a file. Write it as file:///absolute/path.")
        }
        if decoded.hasPrefix("/") { return URL(fileURLWithPath: decoded).standardizedFileURL.path }
        guard let base, decoded == "." || decoded.hasPrefix("./") || decoded.hasPrefix("../") else {
            throw StorageError(.unsupported, "'\(uri)' is not an absolute path. Write it as file:///absolute/path.")
        }
        return URL(fileURLWithPath: base + "/" + decoded).standardizedFileURL.path
    }
}

/// An `https:` address, or an `http:` one of this machine.
struct WebLocation: Hashable, Sendable, CustomStringConvertible {
    static let maximumNameBytes = 200

    let url: String
    /// Whether it is `http:` to a loopback address. Only such an address may redirect to a loopback address.
    let isLoopback: Bool
    /// Whether it is `https:`. Other addresses are loopback addresses, or endpoints that the operator has set.
    let isEncrypted: Bool
    /// The server, as `host:port`.
    let server: String

    /// - Throws: `StorageError` with `unsupported`.
    init(_ text: String) throws(StorageError) {
        let safe = Self.redacted(text)
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty else {
            throw StorageError(.unsupported, "'\(safe)' does not name a host. Write it as https://host/path.")
        }
        switch parts.scheme?.lowercased() {
        case "https": isLoopback = false
        case "http" where Self.isLoopback(host): isLoopback = true
        default:
            throw StorageError(.unsupported, "'\(safe)' is not encrypted. Use https:.")
        }
        url = text
        isEncrypted = !isLoopback
        server = "\(host.lowercased()):\(parts.port ?? (isLoopback ? 80 : 443))"
    }

    /// An address that the operator has set, or one below it: `http:` is allowed.
    ///
    /// - Throws: `StorageError` with `unsupported`.
    init(endpoint text: String) throws(StorageError) {
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
            let scheme = parts.scheme?.lowercased(), scheme == "https" || scheme == "http", parts.user == nil
        else {
            throw StorageError(
                .unsupported,
                "'\(Self.redacted(text))' is not an endpoint. Write it as https://host or http://host:port.")
        }
        url = text
        isEncrypted = scheme == "https"
        isLoopback = !isEncrypted && Self.isLoopback(host)
        server = "\(host.lowercased()):\(parts.port ?? (isEncrypted ? 443 : 80))"
    }

    /// An address below an endpoint that the operator has set. The endpoint may end with a slash.
    ///
    /// - Throws: `StorageError` with `unsupported`.
    init(endpoint: String, path: String) throws(StorageError) {
        try self.init(endpoint: "\(endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint)/\(path)")
    }

    /// The target of a redirect. An `https:` address may redirect to `https:` only.
    ///
    /// - Throws: `StorageError` with `protocolError`.
    func redirected(to target: String) throws(StorageError) -> WebLocation {
        let next = try? isEncrypted || isLoopback ? WebLocation(target) : WebLocation(endpoint: target)
        guard let next, !next.isLoopback || isLoopback, isEncrypted || isLoopback || next.server == server else {
            throw StorageError(
                .protocolError,
                "\(self) redirects to '\(Self.redacted(target))', which is not https:. Use the final address.")
        }
        return next
    }

    /// The last part of the path, made safe as a file name.
    var fileName: String {
        let path = URLComponents(string: url)?.path ?? ""
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let safe = String(name.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F && $0 != "/" })
        guard !safe.isEmpty, safe != ".", safe != "..", safe.utf8.count <= Self.maximumNameBytes else { return "model" }
        return safe
    }

    /// Without user, password and query, which may be secrets.
    var description: String { Self.redacted(url) }

    /// Users and passwords are hidden, and every query that is not known to name versions and files: it may be a signature.
    static func redacted(_ text: String) -> String {
        let plain = text.replacing(#/:\/\/[^\s\/'"]*@/#) { _ in "://***@" }
        guard let query = plain.firstIndex(of: "?") else { return plain }
        let fields = plain[plain.index(after: query)...].split(separator: "&", omittingEmptySubsequences: false)
        let isPublic = fields.allSatisfy { field in plainFields.contains { field.hasPrefix("\($0)=") } }
        return isPublic && !plain.hasPrefix("http") ? plain : plain[...query] + "***"
    }

    /// Of `s3:` and `hf:`.
    private static let plainFields = ["versionId", "include", "exclude"]

    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
        return isIPv4 || host == "localhost" || host == "::1" || host == "[::1]"
    }
}
