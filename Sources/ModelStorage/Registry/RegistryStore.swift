import Foundation

/// Lists the layers of a model in an OCI registry.
struct RegistryStore: Sendable {
    let location: RegistryLocation
    let session: RegistrySession
    let caller: StoreCaller
    let limits: StorageLimits

    init(
        _ location: RegistryLocation, _ environment: StoreEnvironment, caller: StoreCaller, limits: StorageLimits,
        now: @escaping @Sendable () -> Date
    ) {
        self.location = location
        session = RegistrySession(location, environment, caller: caller, now: now)
        self.caller = caller
        self.limits = limits
    }

    /// The digest of the manifest that a tag has now.
    ///
    /// - Throws: `StorageError`, `CancellationError`.
    func resolve() async throws -> RegistryLocation {
        if location.isPinned { return location }
        return location.pinned(to: ContentDigest(of: try await manifest(location.name)))
    }

    /// - Throws: `StorageError`, `CancellationError`.
    func list() async throws -> RemoteListing {
        var document = try read(try await manifest(location.name))
        if case .index(let index) = document {
            guard let chosen = index.choose(RegistryManifest.platform) else {
                let platforms = index.entries.compactMap(\.platform).sorted().prefix(10).joined(separator: ", ")
                throw StorageError(
                    .notFound,
                    "\(location) has nothing for \(RegistryManifest.platform), only for \(platforms). Name the digest of one "
                        + "of its manifests.")
            }
            document = try read(try await manifest(chosen.description))
        }
        guard case .manifest(let manifest) = document else {
            throw StorageError(.unsupported, "\(location) is an index of indexes. Name one of its manifests.")
        }
        let files = try manifest.blobs.enumerated().map { index, blob throws(StorageError) in
            RemoteFile(
                path: Self.layerName(index), location: try location.address("blobs/\(blob.digest)"), bytes: blob.bytes,
                digest: blob.digest, identity: blob.digest.hex)
        }
        var listing = try RemoteListing(
            files, isSingleFile: false, access: access(), of: "\(location)", limits: limits)
        listing.layers = manifest.plan
        return listing
    }

    /// Sorts in the order of the manifest.
    private static func layerName(_ index: Int) -> String {
        let digits = String(index)
        return "layer-" + String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
    }

    /// - Parameter name: a tag, or a digest, which the manifest must have.
    private func manifest(_ name: String) async throws -> [UInt8] {
        var answer: [UInt8]
        let place = try location.address("manifests/\(name)")
        do {
            answer = try await caller.ask(place, access: access(isFirst: true))
        } catch let challenge as RegistryChallenge {
            try await session.meet(challenge)
            answer = try await caller.ask(place, access: access())
        }
        if let wanted = try? ContentDigest(name) {
            let found = ContentDigest(of: answer)
            guard found == wanted else {
                throw StorageError(
                    .protocolError,
                    "The registry \(location.host) sent a manifest with the digest \(found) for \(wanted). Do not use it: the "
                        + "registry or a proxy before it is broken.")
            }
        }
        return answer
    }

    private func read(_ bytes: [UInt8]) throws(StorageError) -> RegistryManifest.Document {
        do {
            return try RegistryManifest.read(bytes)
        } catch {
            throw StorageError(
                error.code, "The manifest of \(location) cannot be used: \(error.reason). \(error.advice)")
        }
    }

    /// - Parameter isFirst: whether a challenge may still be met.
    private func access(isFirst: Bool = false) -> StoreAccess {
        let (location, session) = (location, session)
        return StoreAccess(
            authorize: { try await session.authorization() },
            explain: { head in
                if isFirst, head.status == 401, let challenge = RegistryChallenge(head.challenges) { return challenge }
                return RegistryRefusal(head: head).error(of: location)
            },
            fields: [WebField(name: "Accept", value: RegistryManifest.accept)])
    }
}

/// An answer of a registry that brings nothing. Pure.
struct RegistryRefusal: Hashable, Sendable {
    var head: ResponseHead

    private struct Answer: Decodable {
        struct Item: Decodable {
            var code: String?
            var message: String?
        }
        var errors: [Item]?
    }

    /// - Returns: nil where the status says enough.
    func error(of location: RegistryLocation) -> StorageError? {
        let item = (try? JSONDecoder().decode(Answer.self, from: Data(head.failureText.utf8)))?.errors?.first
        switch (head.status, item?.code) {
        case (401, _), (403, _): return RegistrySession.refusal(of: location, hasCredentials: true)
        case (404, "NAME_UNKNOWN"):
            return StorageError(
                .notFound, "The registry \(location.host) has no repository '\(location.repository)'. Check its name.")
        case (404, "MANIFEST_UNKNOWN"):
            return StorageError(
                .notFound,
                "There is no '\(location.name)' in the repository \(location.host)/\(location.repository). Check its name, and the tag or "
                    + "digest."
            )
        default: return nil
        }
    }
}
