import Foundation
import KubernetesClient
import Logging
import ModelManifests
import SafeText
import Serving

/// Brings the recorded requests of candidates to a proxy. They are in the model's folder, which only the candidate's pods have.
///
/// # Guarantees
/// - No route waits for its recording: the proxy follows it without, and with the recording once it has arrived.
/// - A file is fetched once, and again only after a failure. Each file has a size limit, and so have all together.
package actor RecordingDelivery {
    /// Fetches what a companion serves at this URL, up to a number of bytes.
    package typealias Fetch = @Sendable (_ url: String, _ maximumBytes: Int) async throws -> [UInt8]

    /// The recording of one candidate.
    struct Recording: Hashable, Sendable {
        var deployment: DeploymentKey
        var revision: Revision
        /// The file's name in the manifest.
        var file: String

        /// Names and revisions hold no characters that are special in a path.
        var localName: String { "\(deployment.namespace).\(deployment.name).\(revision).jsonl" }
    }

    /// The limit for all recordings of a proxy together.
    static let mostBytes = 3 * CompanionPort.recordingsBytes
    static let podsAsked = 3
    package static let retryPause = Duration.seconds(5)

    private let folder: URL
    private let fetch: Fetch
    private let pause: @Sendable () async throws -> Void
    private let logger: Logger
    private var routes: [ProxyRoute] = []
    private var brought: [Recording: Int] = [:]
    private var failed: Set<Recording> = []
    private var underWay: Set<Recording> = []

    /// - Parameters:
    /// - folder: the proxy's own folder; created if it does not exist.
    /// - pause: between two attempts.
    package init(
        folder: URL, logger: Logger,
        pause: @escaping @Sendable () async throws -> Void = { try await Task.sleep(for: retryPause) },
        fetch: @escaping Fetch
    ) {
        self.folder = folder
        self.logger = logger
        self.pause = pause
        self.fetch = fetch
    }

    /// Passes routes on until their stream ends.
    package func run(_ changes: AsyncStream<[ProxyRoute]>, _ delivered: AsyncStream<[ProxyRoute]>.Continuation) async {
        await withDiscardingTaskGroup { group in
            for await routes in changes {
                let missing = follow(routes)
                delivered.yield(filled)
                for recording in missing { group.addTask { await self.bring(recording, delivered) } }
            }
            group.cancelAll()
        }
        delivered.finish()
    }

    // MARK: - What is wanted

    /// - Returns: the recordings to fetch now.
    func follow(_ new: [ProxyRoute]) -> [Recording] {
        routes = new
        let wanted = Dictionary(new.compactMap { route in Self.recording(of: route).map { ($0, route) } }) { $1 }
        for recording in brought.keys where wanted[recording] == nil {
            brought[recording] = nil
            try? FileManager.default.removeItem(at: place(of: recording))
        }
        failed.formIntersection(wanted.keys)
        let missing = wanted.filter {
            brought[$0.key] == nil && !underWay.contains($0.key) && !Self.sources(of: $0.value).isEmpty
        }.keys.sorted { $0.localName < $1.localName }
        underWay.formUnion(missing)
        return missing
    }

    /// The recording of the judged revision, which is the last one.
    private static func recording(of route: ProxyRoute) -> Recording? {
        guard let generate = route.generate, let judged = route.revisions.last else { return nil }
        return Recording(deployment: route.deployment, revision: judged.revision, file: generate.file)
    }

    private static func sources(of route: ProxyRoute) -> [String] {
        (route.revisions.last?.upstreams ?? []).prefix(podsAsked).map { pod in
            "http://\(Escape.authority(pod.host, CompanionPort.number))\(CompanionPort.recordingsPath)"
        }
    }

    /// The routes with recordings as local files. A route whose recording is still on its way has none. A recording that could
    /// not be fetched is named all the same: the proxy then reports that the file is missing.
    var filled: [ProxyRoute] {
        routes.map { route in
            var route = route
            let recording = Self.recording(of: route)
            let isKnown = recording.map { brought[$0] != nil || failed.contains($0) } ?? false
            if isKnown, let recording {
                route.generate?.file = place(of: recording).path(percentEncoded: false)
            } else {
                route.generate = nil
            }
            return route
        }
    }

    private func place(of recording: Recording) -> URL { folder.appending(path: recording.localName) }

    // MARK: - Bringing

    private func bring(_ recording: Recording, _ delivered: AsyncStream<[ProxyRoute]>.Continuation) async {
        defer { underWay.remove(recording) }
        while !Task.isCancelled, let route = routes.first(where: { Self.recording(of: $0) == recording }) {
            let sources = Self.sources(of: route)
            guard !sources.isEmpty else { return }
            if await bring(recording, from: sources) {
                delivered.yield(filled)
                return
            }
            if failed.insert(recording).inserted { delivered.yield(filled) }
            guard (try? await pause()) != nil else { return }
        }
    }

    private func bring(_ recording: Recording, from sources: [String]) async -> Bool {
        for source in sources {
            do {
                let bytes = try await fetch(source, CompanionPort.recordingsBytes)
                try save(bytes, as: recording)
                return true
            } catch {
                logger.warning(
                    "Recorded requests cannot be fetched",
                    metadata: [
                        "deployment": "\(recording.deployment)", "revision": "\(recording.revision)",
                        "from": "\(source)", "reason": "\(error)",
                    ])
            }
        }
        return false
    }

    private func save(_ bytes: [UInt8], as recording: Recording) throws {
        guard brought.values.reduce(bytes.count, +) <= Self.mostBytes else {
            throw ClusterServingError(
                .invalidPlan,
                "the proxy would hold over \(Self.mostBytes >> 20) MiB of recorded requests: record fewer of them.",
                retry: .waiting)
        }
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try Data(bytes).write(to: place(of: recording), options: .atomic)
        brought[recording] = bytes.count
        failed.remove(recording)
    }
}
