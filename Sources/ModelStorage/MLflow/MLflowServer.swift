import Foundation

/// Asks an MLflow server where a model's files are, and lists the files that the server itself hands out.
struct MLflowServer: Sendable {
    /// Folders below one model: each takes a request.
    static let maximumFolders = 1000
    static let noCredentialsAdvice =
        "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or write a section [mlflow] "
        + "into ~/.mlflow/credentials."
    static let credentialsAdvice = "Check the user's permissions, and that the password or the token is valid."

    let environment: StoreEnvironment
    let caller: StoreCaller
    let limits: StorageLimits

    // MARK: Resolving

    /// One step from a name towards its files.
    ///
    /// - Returns: another address: a version for an alias; for the others the place of their files, which may be in any store.
    /// - Throws: `StorageError`, `CancellationError`.
    func resolve(_ reference: MLflowReference) async throws -> String {
        switch reference {
        case .alias(let model, let alias):
            let answer = try await ask(
                "registered-models/alias?name=\(PercentEncoding.strict(model))&alias=\(PercentEncoding.strict(alias))",
                about: reference)
            guard let version = MLflowAnswer.version(answer) else { throw noAnswer(reference) }
            return MLflowReference.version(model: model, version: version).description
        case .version(let model, let version):
            let answer = try await ask(
                "model-versions/get-download-uri?name=\(PercentEncoding.strict(model))&version=\(version)",
                about: reference)
            guard let place = MLflowAnswer.downloadURI(answer) else { throw noAnswer(reference) }
            return MLflowAnswer.address(place)
        case .loggedModel(let id):
            let answer = try await ask("logged-models/\(PercentEncoding.strict(id))", about: reference)
            guard let place = MLflowAnswer.loggedModelURI(answer) else { throw noAnswer(reference) }
            return MLflowAnswer.address(place)
        case .run(let id, let path):
            let answer = try await ask("runs/get?run_id=\(PercentEncoding.strict(id))", about: reference)
            guard let place = MLflowAnswer.runURI(answer) else { throw noAnswer(reference) }
            return MLflowAnswer.address(place, below: path)
        }
    }

    private func ask(_ path: String, about reference: MLflowReference) async throws -> [UInt8] {
        let isModel = if case .run = reference { false } else { true }
        let endpoint = try endpoint(isRegistry: isModel, of: "\(reference)")
        return try await caller.ask(
            try WebLocation(endpoint: endpoint, path: "api/2.0/mlflow/\(path)"),
            access: try access(of: "\(reference)", endpoint))
    }

    private func noAnswer(_ reference: MLflowReference) -> StorageError {
        StorageError(
            .protocolError, "The answer about \(reference) is not one of MLflow. Check MLFLOW_TRACKING_URI.")
    }

    // MARK: Listing

    /// - Throws: `StorageError`, `CancellationError`.
    func list(_ artifacts: MLflowArtifacts) async throws -> RemoteListing {
        let endpoint = try endpoint(isRegistry: false, of: "\(artifacts)")
        let here = try WebLocation(endpoint: endpoint).server
        if let server = artifacts.server, server != here, "\(server):443" != here, "\(server):80" != here {
            throw StorageError(
                .unsupported,
                "\(artifacts) is handed out by \(server), but MLFLOW_TRACKING_URI names \(here). Set it to that server."
            )
        }
        let access = try access(of: "\(artifacts)", endpoint)
        // For a file that is gone, the plan of its transfer says that the model changed.
        var fileAccess = access
        fileAccess.explain = { head in [401, 403].contains(head.status) ? access.explain(head) : nil }
        func file(_ path: String, _ bytes: Int64?, as name: String) throws(StorageError) -> RemoteFile {
            RemoteFile(
                path: name,
                location: try WebLocation(
                    endpoint: endpoint,
                    path: "api/2.0/mlflow-artifacts/artifacts/\(PercentEncoding.strict(path, keeping: "/"))"),
                bytes: bytes, identity: path, isFixed: false)
        }
        var files: [RemoteFile] = []
        var folders = [artifacts.path]
        var asked = 0
        while let folder = folders.popLast() {
            asked += 1
            guard asked <= Self.maximumFolders else {
                throw StorageError(
                    .tooLarge, "\(artifacts) has more than \(Self.maximumFolders) folders. Name a smaller folder.")
            }
            for item in try await page(folder, endpoint, access, of: artifacts) {
                let path = "\(folder)/\(item.name)"
                guard !item.isFolder else {
                    folders.append(path)
                    continue
                }
                files.append(
                    try file(path, item.bytes, as: String(path.dropFirst(artifacts.path.count + 1))))
            }
            guard files.count <= limits.maximumFiles else { break }
        }
        var isSingleFile = false
        if files.isEmpty, let slash = artifacts.path.lastIndex(of: "/") {
            // The server lists nothing below a file.
            let parent = String(artifacts.path[..<slash])
            let item = try await page(parent, endpoint, access, of: artifacts)
                .first { $0.name == artifacts.fileName && !$0.isFolder }
            if let item {
                files = [try file(artifacts.path, item.bytes, as: item.name)]
                isSingleFile = true
            }
        }
        guard !files.isEmpty else {
            throw StorageError(
                .notFound, "\(artifacts) holds no files. Check the path; the run may have logged no model.")
        }
        return try RemoteListing(
            files, isSingleFile: isSingleFile, access: fileAccess, of: "\(artifacts)", limits: limits)
    }

    private func page(
        _ folder: String, _ endpoint: String, _ access: StoreAccess, of artifacts: MLflowArtifacts
    ) async throws -> [MLflowAnswer.Artifact] {
        let answer = try await caller.ask(
            try WebLocation(
                endpoint: endpoint, path: "api/2.0/mlflow-artifacts/artifacts?path=\(PercentEncoding.strict(folder))"),
            access: access)
        guard let items = MLflowAnswer.artifacts(answer) else {
            throw StorageError(
                .protocolError,
                "The answer to a listing of \(artifacts) is not one of MLflow. Check MLFLOW_TRACKING_URI.")
        }
        return items
    }

    // MARK: Asking

    private func endpoint(isRegistry: Bool, of name: String) throws(StorageError) -> String {
        let variable =
            isRegistry && environment["MLFLOW_REGISTRY_URI"] != nil ? "MLFLOW_REGISTRY_URI" : "MLFLOW_TRACKING_URI"
        guard let text = environment[variable] else {
            throw StorageError(
                .unsupported,
                "\(name) cannot be found, because MLFLOW_TRACKING_URI is not set. Set it to the tracking server, such as "
                    + "https://mlflow.example.com.")
        }
        guard text.hasPrefix("https://") || text.hasPrefix("http://"), !text.contains("?"), !text.contains("#") else {
            throw StorageError(
                .unsupported,
                "\(variable) is '\(WebLocation.redacted(text).prefix(100))', which is no server that mlctl can ask. Set it to "
                    + "an address such as https://mlflow.example.com.")
        }
        return text
    }

    private func access(of name: String, _ endpoint: String) throws -> StoreAccess {
        let authorization = try authorization()
        let advice = authorization == nil ? Self.noCredentialsAdvice : Self.credentialsAdvice
        let server = try WebLocation(endpoint: endpoint)
        return StoreAccess(
            authorize: { authorization },
            explain: { head in
                MLflowRefusal(head: head).error(of: name, at: "\(server)", advice: advice)
            })
    }

    private func authorization() throws -> WebAuthorization? {
        let stored =
            try environment.text(of: "~/.mlflow/credentials")
            .map { AWSProfiles($0, isConfig: false).sections["mlflow"] ?? [:] } ?? [:]
        let user = environment["MLFLOW_TRACKING_USERNAME"] ?? stored["mlflow_tracking_username"]
        let password = environment["MLFLOW_TRACKING_PASSWORD"] ?? stored["mlflow_tracking_password"]
        if let user, let password { return .basic(user: user, password: password) }
        return environment["MLFLOW_TRACKING_TOKEN"].map { .bearer($0) }
    }
}

/// An answer of MLflow that brings nothing. Pure.
struct MLflowRefusal: Hashable, Sendable {
    var head: ResponseHead

    /// - Returns: nil where the status says enough.
    func error(of name: String, at server: String, advice: String) -> StorageError? {
        let failure = MLflowAnswer.failure(head.failureText)
        switch (head.status, failure?.code) {
        case (401, _), (403, _):
            return StorageError(
                .unauthorized, "\(server) does not let mlctl read \(name) (\(head.status)). \(advice)")
        case (404, "RESOURCE_DOES_NOT_EXIST"), (400, "INVALID_PARAMETER_VALUE"), (400, "RESOURCE_DOES_NOT_EXIST"):
            return StorageError(
                .notFound,
                "\(server) does not have \(name): \(failure?.message ?? ""). Check the name, and MLFLOW_TRACKING_URI.")
        case (404, nil):
            return StorageError(
                .notFound, "\(server) has no MLflow API at this path (404). Check MLFLOW_TRACKING_URI.")
        default: return nil
        }
    }
}
