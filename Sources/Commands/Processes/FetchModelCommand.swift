import ArgumentParser
import Foundation
import Logging
import ModelManifests
import ModelStorage
import SafeText

/// `mlctl fetch-model`: fetches a model's files into a folder, as the init container of a pod.
struct FetchModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch-model", abstract: "Fetch a model's files into a folder, and verify them.",
        discussion: """
            Resumes interrupted downloads, and does nothing if the files are complete. With --verify-only it fetches \
            nothing: it verifies files that another program has fetched, and exits 2 if they do not match the digest.

            Archives (.tar, .tar.gz, .tgz, .zip) are unpacked. Credentials are looked for where each store's own client looks: \
            for s3: where AWS's do, for oci: in Docker's config.json, for MLflow in MLFLOW_TRACKING_URI and its user.

            Examples:
              mlctl fetch-model --uri s3://models/fraud/v3 --to /mnt/models
              mlctl fetch-model --uri 'hf://acme/fraud@v3?include=*.safetensors' --to /mnt/models
              mlctl fetch-model --uri models:/fraud@champion --to /mnt/models
              mlctl fetch-model --uri oci://registry.example.com/models/fraud:v3 --to /mnt/models
              mlctl fetch-model --uri https://models.example.com/fraud.tar.gz --digest sha256:9f2c… --to /mnt/models
              mlctl fetch-model --verify-only --digest sha256:9f2c… --to /mnt/models
            """)

    @Option(
        help: "The address of the files: https:, s3:, gs:, az:, hf:, oci:, models:, runs:, mlflow-artifacts: or file:.")
    var uri: String?
    @Option(help: "The digest of the files: sha256: and 64 hex digits.") var digest: String?
    @Option(help: "The folder for the files.", transform: { URL(fileURLWithPath: $0, isDirectory: true) })
    var to: URL
    @Option(
        name: .customLong("allowed-source"), parsing: .singleValue,
        help: "A place that a name in a registry may lead to, such as s3://models/. Repeatable. Default: every place.")
    var allowedSources: [String] = []
    @Flag(name: .customLong("verify-only"), help: "Only verify that the files match --digest.")
    var verifiesOnly = false

    func validate() throws {
        if verifiesOnly, digest == nil { throw ValidationError("--verify-only needs --digest") }
        if !verifiesOnly, uri == nil { throw ValidationError("give the address of the files with --uri") }
        if uri?.lowercased().hasPrefix("http:") == true {
            throw ValidationError("http: is refused because it is not encrypted; use https:")
        }
        for source in allowedSources where ModelSourceRoot(source) == nil {
            throw ValidationError("'\(source)' is no place of models; write --allowed-source such as s3://models/")
        }
    }

    func run() async throws {
        let logger = Logger(label: "mlctl.fetch-model") { _ in PlainLogHandler() }
        let folder = to.path(percentEncoded: false)
        do {
            if verifiesOnly, let digest {
                // The path of a claim may lead to a single file.
                let place = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
                try await ModelVerification(place: place).verify(digest)
                print(Escape.line("\(digest) in \(folder)"))
            } else if let uri {
                let fetched = try await ModelDelivery(folder: to, logger: logger, allowedSources: allowedSources)
                    .deliver(uri: uri, digest: digest)
                print(Escape.line("\(uri): \(fetched) in \(folder)"))
            }
        } catch let error as StorageError {
            // A cluster shows the last line of a failed container.
            throw CommandFailure(error.code == .digestMismatch ? .wrongUsage : .failed, error.message)
        }
    }
}

/// Delivers a model's files into a folder once.
struct ModelDelivery: Sendable {
    /// Records the digest of the delivered files. Written last.
    static let marker = ".mlctl-digest"
    /// On the same file system as the folder, so that files are moved instead of copied.
    static let workFolder = ".mlctl-fetching"

    let folder: URL
    let logger: Logger
    /// Where a name in a registry may lead; empty allows every place.
    var allowedSources: [String] = []

    /// - Returns: the digest of the files.
    /// - Throws: `StorageError`, and the errors of `FileManager`.
    func deliver(uri: String, digest: String?) async throws -> String {
        let work = folder.appending(path: Self.workFolder, directoryHint: .isDirectory)
        let marker = folder.appending(path: Self.marker)
        let store = ModelStore(cacheDirectory: work, logger: logger)
        var source = ModelSource(version: "", storageURI: uri)
        if !allowedSources.isEmpty { source.allowedSources = allowedSources }
        let permits: @Sendable (String) -> Bool = { [source] in source.mayLead(to: $0) }
        let wanted: String
        do {
            wanted = try await store.pin(uri: uri, digest: digest, permits: permits)
            if let there = try? String(contentsOf: marker, encoding: .utf8), there == wanted { return wanted }
            try move(try await store.materialise(uri: uri, digest: wanted, permits: permits))
        } catch let error as StorageError where error.retryClass == .terminal {
            // The same address fails again, so nothing is kept for another attempt.
            try? remove(work)
            throw error
        }
        try Data(wanted.utf8).write(to: marker, options: .atomic)
        try? remove(work)
        return wanted
    }

    private func move(_ source: URL) throws {
        let files = FileManager.default
        try makeWritable(source)
        for name in try files.contentsOfDirectory(atPath: source.path(percentEncoded: false)) {
            let destination = folder.appending(path: name)
            if files.fileExists(atPath: destination.path(percentEncoded: false)) { try remove(destination) }
            let origin = source.appending(path: name)
            // Moving a folder changes its parent, which needs the right to write to the folder.
            try makeWritable(origin)
            try files.moveItem(at: origin, to: destination)
        }
    }

    /// Files and folders in the store are read-only.
    private func remove(_ item: URL) throws {
        let walk = FileManager.default.enumerator(at: item, includingPropertiesForKeys: [.isDirectoryKey])
        try makeWritable(item)
        for case let inner as URL in walk ?? FileManager.DirectoryEnumerator() { try makeWritable(inner) }
        try FileManager.default.removeItem(at: item)
    }

    private func makeWritable(_ item: URL) throws {
        guard try item.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true else { return }
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: item.path(percentEncoded: false))
    }
}
