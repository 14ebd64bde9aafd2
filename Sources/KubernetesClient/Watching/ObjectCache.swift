import Foundation
import Logging
import Synchronization
import Transport

/// All objects of a type, or of a selection, as the API server last reported them. Reads send no request.
///
/// # Guarantees
/// - While `run` runs, the contents follow the server; after a lost connection they catch up without missing a change.
/// - A read sees a complete state: contents are replaced at once, never page by page.
///
/// # Caveats
/// - The contents lag behind the server; `freshness` says by how much. Writers must send the `resourceVersion` along.
package final class ObjectCache<Object: KubernetesObject>: Sendable {
    package struct Freshness: Hashable, Sendable {
        /// When the contents were first complete, by the cache's stopwatch.
        package var syncedAt: Duration?
        /// When the server last sent anything.
        package var lastContactAt: Duration?
        /// Why the server cannot be reached now; nil if it can.
        package var error: APIError?

        package var isSynced: Bool { syncedAt != nil }
    }

    struct State {
        var contents: CacheContents<Object>
        var freshness = Freshness()
        /// The message of the last interruption that was logged.
        var toldError: String?
        var readers: [UUID: ChangedKeys] = [:]
        var awaitingSync: [UUID: AsyncStream<Void>.Continuation] = [:]
    }

    /// Bookmarks arrive about once a minute. A watch that is silent for longer than this is dead.
    static var idleTimeout: Duration { .seconds(150) }

    let api: KubernetesAPI
    let selection: APIRequest.Selection
    let isMetadataOnly: Bool
    let settings: ListWatch<SystemRandomNumberGenerator>.Settings
    let logger: Logger
    let state: Mutex<State>

    package var stopwatch: ClientClock { api.stopwatch }

    /// - Parameters:
    /// - isMetadataOnly: ask the server for nothing but `metadata`.
    /// - indexedLabels: labels by whose values objects are looked up.
    package convenience init(
        _ type: Object.Type = Object.self, of api: KubernetesAPI, _ selection: APIRequest.Selection = .init(),
        isMetadataOnly: Bool = false, indexedLabels: [String] = [],
        logger: Logger = Logger(label: "mlctl.kubernetes.cache")
    ) {
        self.init(
            of: api, selection, isMetadataOnly: isMetadataOnly, indexedLabels: indexedLabels, settings: .init(),
            logger: logger)
    }

    init(
        of api: KubernetesAPI, _ selection: APIRequest.Selection, isMetadataOnly: Bool, indexedLabels: [String],
        settings: ListWatch<SystemRandomNumberGenerator>.Settings, logger: Logger
    ) {
        self.api = api
        self.selection = selection
        self.isMetadataOnly = isMetadataOnly
        self.settings = settings
        self.logger = logger
        state = Mutex(State(contents: CacheContents(indexedLabels: indexedLabels)))
    }

    package subscript(_ key: NamespacedName) -> Object? { state.withLock { $0.contents.objects[key] } }

    /// In no particular order.
    package var all: [Object] { state.withLock { Array($0.contents.objects.values) } }

    package var count: Int { state.withLock { $0.contents.objects.count } }

    /// The objects whose label has the value. Fast for indexed labels.
    package func all(label: String, value: String) -> [Object] {
        state.withLock { state in
            state.contents.keys(label: label, value: value).compactMap { state.contents.objects[$0] }
        }
    }

    /// Objects that cannot be read, and why. Lookups still return their last readable state.
    package var unreadable: [NamespacedName: String] { state.withLock { $0.contents.unreadable } }

    package var freshness: Freshness { state.withLock { $0.freshness } }

    /// The keys of objects that change from now on, each once until it is read. One reader for each stream; it ends with its
    /// task.
    package func changes() -> AsyncStream<NamespacedName> {
        let id = UUID()
        let keys = ChangedKeys()
        state.withLock { $0.readers[id] = keys }
        let registration = Registration { [weak self] in self?.state.withLock { _ = $0.readers.removeValue(forKey: id) }
        }
        return AsyncStream {
            withExtendedLifetime(registration) {}
            return await keys.next()
        }
    }

    /// - Throws: `APIError` that says why the contents are not complete after `timeout`.
    package func waitUntilSynced(timeout: Duration) async throws {
        let id = UUID()
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let isSynced = state.withLock { state in
            if !state.freshness.isSynced { state.awaitingSync[id] = continuation }
            return state.freshness.isSynced
        }
        if isSynced { return }
        defer { state.withLock { _ = $0.awaitingSync.removeValue(forKey: id) } }
        do {
            try await stopwatch.within(timeout) { for await _ in stream { return } }
            try Task.checkCancellation()
        } catch is DeadlineExceeded {
            throw freshness.error
                ?? APIError(
                    .transport,
                    message:
                        "the list of \(Object.resource.plural) was not complete within \(timeout): the API server is slow, or "
                        + "the cache is not running.")
        }
    }
}

/// Calls `end` when its last owner releases it.
private final class Registration: Sendable {
    private let end: @Sendable () -> Void
    init(_ end: @escaping @Sendable () -> Void) { self.end = end }
    deinit { end() }
}
