import KubernetesClient
import Logging
import Serving

/// A namespace's routes, as they change in its API server.
///
/// # Guarantees
/// - The first routes come once all objects are known: a proxy that starts never takes a part for the whole.
/// - While the API server is away, the last routes hold.
/// - A route that the controller has not sealed is not followed.
public struct RouteWatch: Sendable {
    private let maps: ObjectCache<RouteConfigMap>
    private let slices: ObjectCache<RevisionEndpoints>
    private let proxies: ObjectCache<RevisionEndpoints>
    private let pod: String?
    private let check: SealCheck?
    private let logger: Logger

    /// - Parameters:
    ///   - pod: that the proxy is; nil where it is none.
    ///   - check: tells the controller's routes from others; nil: all are followed.
    public init(
        _ api: KubernetesAPI, namespace: String, pod: String? = nil, check: SealCheck? = nil, logger: Logger
    ) {
        self.logger = logger
        self.pod = pod
        self.check = check
        maps = ObjectCache(
            of: api, .init(namespace: namespace, labelSelector: "\(ObjectLabels.route)=true"), logger: logger)
        // Slices carry the labels of their Service.
        slices = ObjectCache(of: api, .init(namespace: namespace, labelSelector: ObjectLabels.revision), logger: logger)
        let component = "\(ObjectLabels.component)=\(ObjectLabels.Component.proxy.rawValue)"
        proxies = ObjectCache(
            of: api, .init(namespace: namespace, labelSelector: "\(ObjectLabels.selector),\(component)"), logger: logger
        )
    }

    /// Until cancelled.
    public func run(_ routes: AsyncStream<[ProxyRoute]>.Continuation) async {
        let (wakes, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (mapChanges, sliceChanges, proxyChanges) = (maps.changes(), slices.changes(), proxies.changes())
        await withDiscardingTaskGroup { group in
            group.addTask { await maps.run() }
            group.addTask { await slices.run() }
            group.addTask { await proxies.run() }
            group.addTask { for await _ in mapChanges { wakeUp.yield() } }
            group.addTask { for await _ in sliceChanges { wakeUp.yield() } }
            group.addTask { for await _ in proxyChanges { wakeUp.yield() } }
            group.addTask { await waitForSync(then: wakeUp) }
            var followed = FollowedRoutes(pod: pod, check: check)
            var told: Set<ObjectKey> = []
            for await _ in wakes {
                guard maps.freshness.isSynced, slices.freshness.isSynced else { continue }
                let update = followed.update(maps: maps.all, slices: slices.all, proxies: proxies.all)
                if followed.unsealed != told {
                    told = followed.unsealed
                    if !told.isEmpty {
                        logger.error(
                            "Routes that the controller has not sealed are not followed: the last ones hold",
                            metadata: ["configMaps": "\(told.map(\.name).sorted().prefix(10))"])
                    }
                }
                guard let changed = update else { continue }
                routes.yield(changed)
            }
            group.cancelAll()
        }
        routes.finish()
    }

    /// A namespace without any route is complete too, and tells no change.
    private func waitForSync(then wakeUp: AsyncStream<Void>.Continuation) async {
        while !Task.isCancelled {
            do {
                try await maps.waitUntilSynced(timeout: .seconds(30))
                try await slices.waitUntilSynced(timeout: .seconds(30))
                wakeUp.yield()
                return
            } catch is CancellationError {
                return
            } catch {
                logger.warning("Routes cannot be read yet", metadata: ["reason": "\(error)"])
            }
        }
    }
}
