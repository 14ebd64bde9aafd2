import Foundation
import Logging
import ModelManifests
import Serving

/// Stores the users of A/B tests, one file per deployment, so that a restart of the proxy moves nobody to another revision. If a
/// file is lost or damaged, only the users of its test are assigned again.
struct KeptUsersFolder: Sendable {
    let path: String
    let limits: ProxyLimits
    let logger: Logger

    func save(_ users: [DeploymentKey: KeptUsers]) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        for (deployment, kept) in users {
            do {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                try AtomicFile.save(
                    try encoder.encode(StoredKeptUsers(deployment, kept)), to: file(of: deployment))
            } catch {
                logger.error(
                    "users of an A/B test cannot be saved for a restart",
                    metadata: ["deployment": "\(deployment)", "reason": "\(error)"])
            }
        }
    }

    func load(_ deployments: some Sequence<DeploymentKey>) -> [DeploymentKey: KeptUsers] {
        var users: [DeploymentKey: KeptUsers] = [:]
        for deployment in deployments {
            do {
                guard let bytes = try AtomicFile.load(file(of: deployment), bytesMax: bytesMax) else { continue }
                users[deployment] = try JSONDecoder().decode(StoredKeptUsers.self, from: Data(bytes)).users(
                    of: deployment)
            } catch {
                logger.error(
                    "users of an A/B test are assigned again",
                    metadata: ["deployment": "\(deployment)", "reason": "\(error)"])
            }
        }
        return users
    }

    /// Removes the files of all other deployments.
    func keepOnly(_ deployments: some Sequence<DeploymentKey>) {
        let wanted = Set(deployments.map(name))
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where !wanted.contains(name) {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    /// Base64 needs four bytes for three.
    private var bytesMax: Int {
        let words = BloomFilter.wordCount(capacity: limits.keptUsersPerGeneration)
        return (words * 8 * 4 / 3 + 8192) * KeptUsers.generationsMax
    }

    private func file(of deployment: DeploymentKey) -> String { "\(path)/\(name(of: deployment))" }

    /// A hash, because a deployment's name may contain characters that a file name must not.
    private func name(of deployment: DeploymentKey) -> String {
        String(StickyHash(salt: "kept users").hash(deployment.description), radix: 16) + ".json"
    }
}

/// The file format of `KeptUsers`.
struct StoredKeptUsers: Codable {
    private static let version = 1

    private struct Generation: Codable {
        var revisions: [Revision]
        var weights: [Int]
        var capacity: Int
        var users: Int
        /// The filter's words, in little-endian byte order.
        var filter: Data
    }

    private var version = Self.version
    private var deployment: DeploymentKey
    private var generations: [Generation]
    /// SipHash over all filters in order.
    private var checksum: UInt64

    init(_ deployment: DeploymentKey, _ users: KeptUsers) {
        self.deployment = deployment
        generations = users.generations.map { generation in
            let words = generation.users.words.map(\.littleEndian)
            return Generation(
                revisions: generation.revisions, weights: generation.weights, capacity: generation.users.capacity,
                users: generation.users.count, filter: words.withUnsafeBytes { Data($0) })
        }
        checksum = Self.checksum(of: generations)
    }

    /// - Throws: `ProxyError` if the file belongs to another deployment or version, or if it is damaged.
    func users(of deployment: DeploymentKey) throws -> KeptUsers {
        guard version == Self.version, self.deployment == deployment,
            checksum == Self.checksum(of: generations)
        else { throw Self.damaged }
        let live = try generations.map { generation in
            guard generation.filter.count % 8 == 0 else { throw Self.damaged }
            let words = generation.filter.withUnsafeBytes { raw in
                stride(from: 0, to: raw.count, by: 8).map {
                    UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self))
                }
            }
            guard let users = BloomFilter(capacity: generation.capacity, count: generation.users, words: words) else {
                throw Self.damaged
            }
            return KeptUsers.Generation(revisions: generation.revisions, weights: generation.weights, users: users)
        }
        guard let kept = KeptUsers(live) else { throw Self.damaged }
        return kept
    }

    private static let damaged = ProxyError(
        .stateDirectory, "the file is damaged, or was written by another version of mlctl")

    private static func checksum(of generations: [Generation]) -> UInt64 {
        let hash = SipHash(keyLow: 0x6b65_7074, keyHigh: 0x7573_6572_73)
        return generations.reduce(0) { sum, generation in
            generation.filter.withUnsafeBytes { hash.hash($0) } &+ sum &* 31
        }
    }
}
