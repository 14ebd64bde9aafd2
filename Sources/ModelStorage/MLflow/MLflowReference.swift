/// A name in an MLflow server that leads to files: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `models:/m-ID` (a logged model),
/// and `runs:/RUN/PATH`.
enum MLflowReference: Hashable, Sendable, CustomStringConvertible {
    case alias(model: String, alias: String)
    case version(model: String, version: String)
    case loggedModel(id: String)
    /// The path is relative to the run's artifacts, and empty for all of them.
    case run(id: String, path: String)

    static let modelForm = "models:/NAME@ALIAS or models:/NAME/VERSION"
    static let runForm = "runs:/RUN/PATH"
    static let maximumNameBytes = 1000

    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        let scheme = uri.prefix { $0 != ":" }
        let form = scheme == "runs" ? Self.runForm : Self.modelForm
        func refused(_ reason: String) -> StorageError {
            StorageError(.unsupported, "'\(safe)' \(reason). Write it as \(form).")
        }
        let rest = uri.dropFirst(scheme.count + 1)
        // `models://registry/…` names another registry in MLflow, and the settings name the only one here.
        guard rest.hasPrefix("/"), !rest.hasPrefix("//"), !rest.contains("?"), !rest.contains("#") else {
            throw refused("is not an address in MLflow")
        }
        let path = rest.dropFirst()
        if scheme == "runs" {
            let id = path.prefix { $0 != "/" }
            let below = path.dropFirst(id.count).drop { $0 == "/" }
            guard Self.isPlain(id), let decoded = below.removingPercentEncoding,
                decoded.isEmpty || PathSet.isUsable(decoded)
            else { throw refused("names no run") }
            self = .run(id: String(id), path: decoded)
            return
        }
        // A name may hold an '@'; an alias may not.
        if let mark = path.lastIndex(of: "@"), !path[mark...].contains("/") {
            let alias = path[path.index(after: mark)...]
            guard let name = Self.name(path[..<mark]), Self.isPlain(alias) else { throw refused("names no alias") }
            self = .alias(model: name, alias: String(alias))
            return
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 1, parts[0].hasPrefix("m-"), Self.isPlain(parts[0]) {
            self = .loggedModel(id: String(parts[0]))
            return
        }
        guard parts.count == 2, let name = Self.name(parts[0]), parts[1].allSatisfy(\.isNumber),
            Self.isPlain(parts[1])
        else { throw refused("names neither a version nor an alias") }
        self = .version(model: name, version: String(parts[1]))
    }

    /// MLflow allows every name without '/', ':' and control characters.
    private static func name(_ text: Substring) -> String? {
        guard let name = text.removingPercentEncoding, (1...maximumNameBytes).contains(name.utf8.count),
            name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") })
        else { return nil }
        return name
    }

    static func isPlain(_ text: Substring) -> Bool {
        (1...256).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || [0x2D, 0x2E, 0x5F].contains(byte)
            } && text.contains { $0 != "." }
    }

    /// An alias can move to another version.
    var isMutable: Bool { if case .alias = self { true } else { false } }

    var description: String {
        switch self {
        case .alias(let model, let alias): "models:/\(PercentEncoding.strict(model))@\(alias)"
        case .version(let model, let version): "models:/\(PercentEncoding.strict(model))/\(version)"
        case .loggedModel(let id): "models:/\(id)"
        case .run(let id, let path):
            "runs:/\(id)" + (path.isEmpty ? "" : "/\(PercentEncoding.strict(path, keeping: "/"))")
        }
    }
}

/// `mlflow-artifacts:/PATH`: files that the tracking server itself hands out.
struct MLflowArtifacts: Hashable, Sendable, CustomStringConvertible {
    static let form = "mlflow-artifacts:/PATH"

    /// Decoded, without slashes at its ends.
    let path: String
    /// `host:port` of another way to write the tracking server; nil for the server that the settings name.
    let server: String?

    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        var rest = uri.drop { $0 != ":" }.dropFirst()
        var server: String?
        if rest.hasPrefix("//") {
            let host = rest.dropFirst(2).prefix { $0 != "/" }
            rest = rest.dropFirst(2 + host.count)
            if !host.isEmpty { server = host.lowercased() }
        }
        var place = rest.drop { $0 == "/" }
        while place.hasSuffix("/") { place = place.dropLast() }
        guard rest.hasPrefix("/"), !rest.contains("?"), !rest.contains("#"), server?.contains("@") != true,
            let path = place.removingPercentEncoding, PathSet.isUsable(path)
        else {
            throw StorageError(.unsupported, "'\(safe)' names no artifacts of MLflow. Write it as \(Self.form).")
        }
        (self.path, self.server) = (path, server)
    }

    var fileName: String { path.split(separator: "/").last.map(String.init) ?? path }

    var description: String {
        "mlflow-artifacts:" + (server.map { "//\($0)" } ?? "") + "/\(PercentEncoding.strict(path, keeping: "/"))"
    }
}
