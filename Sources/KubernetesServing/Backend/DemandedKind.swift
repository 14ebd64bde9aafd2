import Foundation
import JSON
import KubernetesClient
import ModelManifests
import Synchronization

/// A type that has to be installed first, and that only some routers use: followed from the first plan that needs it, or
/// from the start where there are objects of it. A cluster without its definition is asked once.
final class DemandedKind: KindView {
    private enum Standing {
        /// Nobody has looked yet.
        case unknown
        /// There is none of mlctl's, and nobody needs any.
        case none
        case followed
    }

    private let view: any KindView
    private let look: @Sendable () async throws -> Bool
    private let standing = Mutex(Standing.unknown)
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    init(_ view: any KindView, api: KubernetesAPI, namespace: String?) {
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

    /// It is known whether there are any.
    var isDecided: Bool { standing.withLock { $0 != .unknown } }

    func want() {
        standing.withLock { $0 = .followed }
        wish.yield()
    }

    func run() async {
        // What cannot be said now, the cache finds out in its own time.
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
    func live(_ key: ObjectKey) -> LiveObject? { view.live(key) }
    func live(of deployment: DeploymentKey) -> [LiveObject] { view.live(of: deployment) }
    func sketch(of deployment: DeploymentKey) -> String? { view.sketch(of: deployment) }
    func json(of deployment: DeploymentKey) -> [ObjectID: JSONValue] { view.json(of: deployment) }
    func changes() -> AsyncStream<ObjectKey> { view.changes() }
}
