import Foundation

/// What MLflow's REST API answers. Pure.
enum MLflowAnswer {
    /// The version that an alias names.
    static func version(_ bytes: [UInt8]) -> String? {
        struct Answer: Decodable {
            struct Version: Decodable { var version: String }
            var model_version: Version
        }
        guard let version = decoded(Answer.self, bytes)?.model_version.version, MLflowReference.isPlain(version[...]),
            version.allSatisfy(\.isNumber)
        else { return nil }
        return version
    }

    /// Where a version's files are.
    static func downloadURI(_ bytes: [UInt8]) -> String? {
        struct Answer: Decodable { var artifact_uri: String }
        return decoded(Answer.self, bytes).flatMap { plain($0.artifact_uri) }
    }

    /// Where a run's files are.
    static func runURI(_ bytes: [UInt8]) -> String? {
        struct Answer: Decodable {
            struct Run: Decodable {
                struct Info: Decodable { var artifact_uri: String }
                var info: Info
            }
            var run: Run
        }
        return decoded(Answer.self, bytes).flatMap { plain($0.run.info.artifact_uri) }
    }

    /// Where a logged model's files are.
    static func loggedModelURI(_ bytes: [UInt8]) -> String? {
        struct Answer: Decodable {
            struct Model: Decodable {
                struct Info: Decodable { var artifact_uri: String }
                var info: Info
            }
            var model: Model
        }
        return decoded(Answer.self, bytes).flatMap { plain($0.model.info.artifact_uri) }
    }

    struct Artifact: Hashable, Sendable {
        /// A name, relative to the folder that was listed.
        var name: String
        var isFolder: Bool
        /// Nil for a folder, and where the server does not say.
        var bytes: Int64?
    }

    /// The files and folders directly below a folder.
    static func artifacts(_ bytes: [UInt8]) -> [Artifact]? {
        struct Answer: Decodable {
            struct File: Decodable {
                var path: String
                var is_dir: Bool?
                var file_size: Int64?
            }
            var files: [File]?
        }
        guard let answer = decoded(Answer.self, bytes) else { return nil }
        var result: [Artifact] = []
        for file in answer.files ?? [] {
            guard PathSet.isUsable(file.path), !file.path.contains("/"), file.file_size ?? 0 >= 0 else { return nil }
            let isFolder = file.is_dir ?? false
            result.append(Artifact(name: file.path, isFolder: isFolder, bytes: isFolder ? nil : file.file_size))
        }
        return result
    }

    struct Failure: Hashable, Sendable {
        var code: String
        var message: String
    }

    /// The error that the server answers with.
    static func failure(_ text: String) -> Failure? {
        struct Answer: Decodable {
            var error_code: String
            var message: String?
        }
        return decoded(Answer.self, Array(text.utf8)).map {
            Failure(code: String($0.error_code.prefix(100)), message: String(($0.message ?? "").prefix(300)))
        }
    }

    /// The address in the form that mlctl reads: MLflow does not escape paths in buckets, and writes folders of its own machine
    /// as paths.
    static func address(_ text: String) -> String {
        if text.hasPrefix("/") { return "file://\(PercentEncoding.strict(text, keeping: "/"))" }
        let scheme = text.prefix { $0 != ":" }
        guard ["s3", "gs", "mlflow-artifacts", "runs", "models"].contains(String(scheme)) else { return text }
        return scheme + PercentEncoding.strict(String(text.dropFirst(scheme.count)), keeping: "/:@")
    }

    /// An address with a path below it.
    static func address(_ text: String, below path: String) -> String {
        guard !path.isEmpty else { return address(text) }
        return address(text.hasSuffix("/") ? String(text.dropLast()) : text)
            + "/\(PercentEncoding.strict(path, keeping: "/"))"
    }

    private static func plain(_ text: String) -> String? {
        !text.isEmpty && text.utf8.count <= 4000 && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } ? text : nil
    }

    private static func decoded<Answer: Decodable>(_ type: Answer.Type, _ bytes: [UInt8]) -> Answer? {
        try? JSONDecoder().decode(type, from: Data(bytes))
    }
}
