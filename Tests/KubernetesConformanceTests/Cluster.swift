import Foundation
import KubernetesClient
import ModelManifests
import Synchronization
import TestSupport

/// The server that the cases run against.
struct Cluster: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case model = "the model"
        case modelOverHTTP = "the model over HTTP"
        case real = "a real API server"
    }

    static let kubeconfig = ProcessInfo.processInfo.environment["MLCTL_TEST_KUBECONFIG"]

    let kind: Kind
    let transport: any KubernetesTransport
    /// Nil for a real server.
    let model: ModelTransport?
    let clock: ManualDate

    /// Lets the cluster's own controllers work: at once in the model; on a real cluster they work by themselves.
    func settle() async {
        guard let model else { return }
        clock.advance(bySeconds: 1)
        await model.step()
    }

    /// Makes old resource versions expire. On a real server the oldest ones have expired already.
    func forgetHistory() async { await model?.update { $0.compact() } }

    static func with(_ kind: Kind, _ body: @Sendable (Cluster) async throws -> Void) async throws {
        let clock = ManualDate()
        switch kind {
        case .real:
            let connection = try Kubeconfig.read(kubeconfig).connection()
            try await body(Cluster(kind: kind, transport: HTTPTransport(connection), model: nil, clock: clock))
        case .model:
            let model = ModelTransport(APIServerModel(now: clock.now), now: { clock.now })
            try await body(Cluster(kind: kind, transport: model, model: model, clock: clock))
        case .modelOverHTTP:
            let model = ModelTransport(APIServerModel(now: clock.now), now: { clock.now })
            try await ModelServer.with(model, token: "conformance") { server in
                let file = FileManager.default.temporaryDirectory.appending(path: "kubeconfig-\(server.port)")
                try server.kubeconfig().write(to: file, atomically: true, encoding: .utf8)
                defer { try? FileManager.default.removeItem(at: file) }
                let connection = try Kubeconfig.read(file.path).connection()
                try await body(
                    Cluster(kind: kind, transport: HTTPTransport(connection), model: model, clock: clock))
            }
        }
    }
}

/// A time that stands still until the test moves it.
final class ManualDate: Sendable {
    private let date = Mutex(Date(timeIntervalSince1970: 1_800_000_000))

    var now: Date { date.withLock { $0 } }
    func advance(bySeconds seconds: Double) { date.withLock { $0 += seconds } }
}
