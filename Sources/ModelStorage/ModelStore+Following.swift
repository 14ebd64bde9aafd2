import Foundation

/// Where a model's files are, after every alias and tag on the way was followed.
struct ModelSourceAddress: Sendable {
    /// The address of `location`.
    var uri: String
    var location: ModelLocation
    /// The addresses between the manifest's and this one, such as the version that an alias names.
    var steps: [String] = []
}

// Aliases and tags: names that can move to other files.
extension ModelStore {
    /// An alias leads to a version, a version to a run or a logged model, and that to its files.
    static let maximumSteps = 5
    static let maximumFollowed = 1000

    var mlflow: MLflowServer { MLflowServer(environment: environment, caller: caller, limits: limits) }

    func registry(_ location: RegistryLocation) -> RegistryStore {
        RegistryStore(location, environment, caller: caller, limits: limits, now: now)
    }

    /// The source of the files with a digest: where the alias led when it had this digest, or where it leads now. So an alias that
    /// moves during a rollout changes nothing, and neither does a registry that is down.
    func source(
        of location: ModelLocation, _ uri: String, wanted: ContentDigest?, permits: (@Sendable (String) -> Bool)?
    ) async throws -> ModelSourceAddress {
        if Self.leadsOn(location), let wanted, let text = cache.memos.memo(for: Self.memoName(uri, wanted))?.source,
            permits?(text) ?? true, let known = try? ModelLocation(text, base: base)
        {
            return ModelSourceAddress(uri: text, location: known)
        }
        return try await follow(location, uri, permits: permits)
    }

    /// - Parameter permits: whether the caller's policy allows an address.
    /// - Throws: `StorageError`: `notAllowed` if the policy does not allow where the alias leads; `CancellationError`.
    func follow(
        _ location: ModelLocation, _ uri: String, permits: (@Sendable (String) -> Bool)?
    ) async throws -> ModelSourceAddress {
        guard Self.leadsOn(location) else { return ModelSourceAddress(uri: uri, location: location) }
        let source: ModelSourceAddress
        if let known = followed[uri], now().timeIntervalSince(known.at) < limits.followInterval / .seconds(1) {
            source = known.source
        } else {
            source = try await resolve(location, uri)
            if followed.count >= Self.maximumFollowed { followed = [:] }
            followed[uri] = (source, now())
            logger.info(
                "model alias resolved",
                metadata: [
                    "uri": "\(uri)", "source": "\(WebLocation.redacted(source.uri))", "steps": "\(source.steps)",
                ])
        }
        if case .reference = location, let permits, !permits(source.uri), !isHandedOut(source.location) {
            throw StorageError(
                .notAllowed,
                "\(uri) leads to \(WebLocation.redacted(source.uri)), which is not below any of the project's model sources. "
                    + "Register a model that is, or add the place to the project's policy 'modelSources'.")
        }
        return source
    }

    /// Files that the tracking server itself hands out come from the place that the policy names: the registry.
    private func isHandedOut(_ location: ModelLocation) -> Bool {
        if case .remote(.mlflow) = location { true } else { false }
    }

    private func resolve(_ location: ModelLocation, _ uri: String) async throws -> ModelSourceAddress {
        var source = ModelSourceAddress(uri: uri, location: location)
        for _ in 0..<Self.maximumSteps {
            let next: String
            switch source.location {
            case .reference(let reference): next = try await mlflow.resolve(reference)
            case .remote(.registry(let place)) where !place.isPinned:
                next = try await registry(place).resolve().description
            default: return source
            }
            do {
                source = ModelSourceAddress(
                    uri: next, location: try ModelLocation(next, base: nil), steps: source.steps + [source.uri])
            } catch {
                throw StorageError(
                    error.code,
                    "\(uri) leads to '\(WebLocation.redacted(next).prefix(300))', which mlctl cannot fetch: \(error.message)"
                )
            }
        }
        guard !Self.leadsOn(source.location) else {
            throw StorageError(
                .protocolError,
                "\(uri) leads through more than \(Self.maximumSteps) addresses, the last of which is \(source.uri). "
                    + "Register the model with the place of its files.")
        }
        return source
    }

    /// Keeps where an alias led when it had a digest.
    func remember(_ source: ModelSourceAddress, of uri: String, as digest: ContentDigest) {
        // An error is ignored: without the memo, the alias is followed again.
        try? cache.memos.save(
            PinMemo(source: source.uri, digest: digest), for: Self.memoName(uri, digest))
    }

    func movedOn(_ uri: String, _ source: ModelSourceAddress, _ error: StorageError) -> StorageError {
        let version = source.steps.dropFirst().first ?? source.uri
        return StorageError(
            .digestMismatch,
            "\(uri) leads to \(WebLocation.redacted(version)) now, and its files do not have the required digest: the alias or "
                + "tag moved, or the digest was wrong. Commit the digest of the files that it has now, or name a version. (\(error.message))"
        )
    }

    static func notFollowed(_ reference: MLflowReference) -> StorageError {
        StorageError(.protocolError, "\(reference) was not followed to its files. Try again.")
    }

    static func memoName(_ uri: String, _ digest: ContentDigest) -> String { "\(uri)\n\(digest.hex)\nsource" }

    static func leadsOn(_ location: ModelLocation) -> Bool {
        switch location {
        case .reference: true
        case .remote(.registry(let place)): !place.isPinned
        default: false
        }
    }
}
