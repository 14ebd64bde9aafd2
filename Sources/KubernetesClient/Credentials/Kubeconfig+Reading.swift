import Foundation
import Yams

extension Kubeconfig {
    static let maximumBytes = 4 << 20

    /// Reads the files of `paths`, or of `KUBECONFIG`, or `~/.kube/config`.
    /// - Parameter paths: separated by `:`, as in `KUBECONFIG`.
    /// - Throws: `APIError(.credentials)`. Like kubectl, it skips missing files as long as one exists.
    package static func read(
        _ paths: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Kubeconfig {
        let home = environment["HOME"] ?? "/"
        let named = paths ?? environment["KUBECONFIG"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(home)/.kube/config"
        let files = named.split(separator: ":").map { path in
            path.hasPrefix("~/") ? home + path.dropFirst() : String(path)
        }
        let texts = try texts(of: files)
        guard !texts.isEmpty else {
            throw APIError(
                .credentials,
                message: "there is no kubeconfig at \(named). Name one in the settings, or in KUBECONFIG.")
        }
        return try merged(texts, files: files)
    }

    /// The texts of those files that exist.
    static func texts(of files: [String]) throws -> [(path: String, text: String)] {
        try files.filter { FileManager.default.fileExists(atPath: $0) }.map { ($0, try contents($0)) }
    }

    static func merged(_ texts: [(path: String, text: String)], files: [String]) throws -> Kubeconfig {
        var whole = Kubeconfig()
        for (path, text) in texts { whole.merge(try parse(text, path: path)) }
        whole.files = files
        whole.mark = mark(of: texts)
        return whole
    }

    /// A hash of the files' texts, to notice changes without keeping the texts. Comparable only within one process.
    static func mark(of texts: [(path: String, text: String)]) -> Int {
        var hasher = Hasher()
        for (path, text) in texts {
            hasher.combine(path)
            hasher.combine(text)
        }
        return hasher.finalize()
    }

    private static func contents(_ path: String) throws -> String {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw APIError(.credentials, message: "the kubeconfig \(path) cannot be read: check its permissions.")
        }
        defer { try? handle.close() }
        let bytes = (try? handle.read(upToCount: maximumBytes + 1)) ?? Data()
        guard bytes.count <= maximumBytes, let text = String(data: bytes, encoding: .utf8) else {
            throw APIError(
                .credentials,
                message: "the kubeconfig \(path) is not UTF-8 text, or is larger than \(maximumBytes >> 20) MiB.")
        }
        return text
    }

    /// - Parameter path: the file's path; relative paths in the file start at its folder.
    static func parse(_ text: String, path: String) throws -> Kubeconfig {
        let file: KubeconfigFile
        do {
            file = try YAMLDecoder().decode(KubeconfigFile.self, from: text.isEmpty ? "{}" : text)
        } catch {
            throw APIError(.credentials, message: "the kubeconfig \(path) \(reason(error)).")
        }
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        var config = Kubeconfig()
        config.places = [path]
        config.currentContext = file.currentContext.flatMap { $0.isEmpty ? nil : $0 }
        for entry in file.clusters ?? [] where config.clusters[entry.name] == nil {
            config.clusters[entry.name] = try entry.cluster.resolved(folder, place: "\(path): cluster \(entry.name)")
        }
        for entry in file.users ?? [] where config.users[entry.name] == nil {
            config.users[entry.name] = try entry.user?.resolved(folder, place: "\(path): user \(entry.name)") ?? User()
        }
        for entry in file.contexts ?? [] where config.contexts[entry.name] == nil {
            config.contexts[entry.name] = Context(
                cluster: entry.context.cluster, user: entry.context.user ?? "", namespace: entry.context.namespace)
        }
        return config
    }

    /// Where the text is wrong, without quoting it: the line may hold a token.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            "is not YAML: line \(mark.line): \(problem)"
        case DecodingError.dataCorrupted(let context) where context.underlyingError is YamlError:
            context.underlyingError.map(reason) ?? "is not YAML"
        case DecodingError.keyNotFound(let key, let context):
            "lacks \(field(context.codingPath + [key]))"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            "has a wrong value at \(field(context.codingPath))"
        default: "is not YAML"
        }
    }

    /// `users[0].user.token`
    private static func field(_ path: [any CodingKey]) -> String {
        guard !path.isEmpty else { return "its top" }
        return path.reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue
            }
        }
    }
}
