import KubernetesClient
import Logging
import Serving

/// Watches the routes of a namespace in the API server.
///
/// # Guarantees
/// - The first routes arrive once all objects are known: a proxy that starts never follows an incomplete set.
/// - While the API server is unreachable, the last routes stay in force.
/// - A route that the controller has not sealed is not followed.
package struct RouteWatch: Sendable {
    private let maps: ObjectCache<RouteConfigMap>
    private let slices: ObjectCache<RevisionEndpoints>
    private let proxies: ObjectCache<RevisionEndpoints>
    private let pod: String?
    private let check: SealCheck?
    private let logger: Logger

    /// - Parameters:
    /// - pod: the proxy's pod; nil outside a pod.
    /// - check: recognizes the controller's routes; nil: all routes are followed.
    package init(
        _ api: KubernetesAPI, namespace: String, pod: String? = nil, check: SealCheck? = nil, logger: Logger
    ) {
        self.logger = logger
        self.pod = pod
        self.check = check
        maps = ObjectCache(
            of: api, .init(namespace: namespace, labelSelector: "\(ObjectLabels.route)=true"), logger: logger)
        // EndpointSlices have the labels of their Service.
        slices = ObjectCache(of: api, .init(namespace: namespace, labelSelector: ObjectLabels.revision), logger: logger)
        let component = "\(ObjectLabels.component)=\(ObjectLabels.Component.proxy.rawValue)"
        proxies = ObjectCache(
            of: api, .init(namespace: namespace, labelSelector: "\(ObjectLabels.selector),\(component)"), logger: logger
        )
    }

    /// Runs until its task is cancelled.
    package func run(_ routes: AsyncStream<[ProxyRoute]>.Continuation) async {
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
            var followed = ResolvedRoutes(pod: pod, check: check)
            var told: Set<NamespacedName> = []
            for await _ in wakes {
                guard maps.freshness.isSynced, slices.freshness.isSynced else { continue }
                let update = followed.update(maps: maps.all, slices: slices.all, proxies: proxies.all)
                if followed.unsealed != told {
                    told = followed.unsealed
                    if !told.isEmpty {
                        logger.error(
                            "Ignoring routes that the controller has not sealed: the last sealed ones stay in force",
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

    /// A namespace without routes is complete too, and its cache reports no change.
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
