import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Synchronization

/// A type that must be installed first and that only some routers use. It is watched from the first plan that needs it, or from
/// the start if objects of it exist. If the cluster lacks its definition, one request finds that out.
final class LazyInformer: Informer {
    private enum Standing {
        /// It is not known yet whether objects exist.
        case unknown
        /// mlctl has no objects of the type, and nobody needs any.
        case none
        case followed
    }

    private let view: any Informer
    private let look: @Sendable () async throws -> Bool
    private let standing = Mutex(Standing.unknown)
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    init(_ view: any Informer, api: KubernetesAPI, namespace: String?) {
        self.view = view
        let request = APIRequest.list(
            view.type, APIRequest.Selection(namespace: namespace, labelSelector: ObjectLabels.selector), limit: 1
        ).metadataOnly
        look = {
            struct Page: Decodable {
                struct Item: Decodable {}
                var items: [Item]?
            }
            do {
                let page = try JSONDecoder().decode(Page.self, from: try await api.answer(to: request))
                return page.items?.isEmpty == false
            } catch let error as APIError where error.isNotFound || error.statusCode == 403 {
                return false
            }
        }
        (wishes, wish) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Whether it is known if objects exist.
    var isDecided: Bool { standing.withLock { $0 != .unknown } }

    func want() {
        standing.withLock { $0 = .followed }
        wish.yield()
    }

    func run() async {
        // If the request fails, follow the type: the cache retries at its own pace.
        let exists = (try? await look()) ?? true
        guard !Task.isCancelled else { return }
        standing.withLock { if $0 == .unknown, !exists { $0 = .none } }
        if exists { want() }
        for await _ in wishes { break }
        guard !Task.isCancelled else { return }
        await view.run()
    }

    var type: ResourceType { view.type }
    var isSynced: Bool { standing.withLock { $0 == .none } || view.isSynced }
    var failure: APIError? { view.failure }
    var allLive: [LiveObject] { view.allLive }
    func live(_ key: NamespacedName) -> LiveObject? { view.live(key) }
    func live(of deployment: DeploymentKey) -> [LiveObject] { view.live(of: deployment) }
    func sketch(of deployment: DeploymentKey) -> String? { view.sketch(of: deployment) }
    func json(of deployment: DeploymentKey) -> [ObjectID: JSONValue] { view.json(of: deployment) }
    func changes() -> AsyncStream<NamespacedName> { view.changes() }
}
