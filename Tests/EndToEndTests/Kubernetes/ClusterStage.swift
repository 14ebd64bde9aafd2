import Foundation
import FoundationNetworking
import JSON
import KubernetesClient
import ModelManifests
import TestSupport
import Testing

/// A cluster with one namespace for a test: the model of an API server, or a real one. Stand-ins replace what both lack: a
/// kubelet for the namespace, and a route to the Services' endpoints.
///
/// The controllers and the proxies reach the API server through a port that the test can close; the kubelet does not use that
/// port.
struct ClusterStage: Sendable {
    enum Kind: String, Sendable, CustomTestStringConvertible {
        case model = "the model of an API server"
        case real = "a real API server"

        static let available: [Kind] = [.model] + (ClusterStage.kubeconfig == nil ? [] : [.real])
        var testDescription: String { rawValue }
    }

    static let kubeconfig = ProcessInfo.processInfo.environment["MLCTL_TEST_KUBECONFIG"]
    static let controllerImage = "mlctl:test"
    static let modelImage = "model-server:test"
    static let checkImage = "check:test"
    static let service = "model"
    private static let endLimit: Duration = .seconds(60)
    private static let modelStep: Duration = .milliseconds(50)

    let kind: Kind
    let namespace: String
    /// The address that bypasses the port that can be closed.
    let api: KubernetesAPI
    let wayToServer: PortForwarder
    let endpoints: ServiceEndpoints
    /// The address under which kube-proxy serves it to pods.
    let serviceAddress: String
    /// For the controllers and the proxies.
    let kubeconfig: String
    let folder: URL

    /// The address of the Service; nil if there is none. A cluster's own route to it follows the proxies with a short delay.
    func answer() async -> String? {
        guard let url = URL(string: serviceAddress), let (data, _) = try? await URLSession.shared.data(from: url)
        else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    static func with(_ kind: Kind, _ body: @Sendable (ClusterStage) async throws -> Void) async throws {
        let id = UUID().uuidString.lowercased().prefix(6)
        let namespace = "mlctl-e2e-\(id)"
        let folder = FileManager.default.temporaryDirectory.appending(path: namespace)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        switch kind {
        case .model:
            var settings = APIServerModel.Settings()
            settings.runsPods = false
            let model = ModelTransport(
                APIServerModel(now: Date(), settings: settings), now: { Date() })
            try await ModelServer.with(model, token: "e2e", step: modelStep) { server in
                try await play(
                    kind, namespace, folder, server: server.url, kubeconfig: server.kubeconfig(namespace: namespace),
                    body)
            }
        case .real:
            let file = kubeconfig ?? ""
            try await play(
                kind, namespace, folder, server: Kubeconfig.read(file).connection().server,
                kubeconfig: String(contentsOfFile: file, encoding: .utf8), body)
        }
    }

    private static func play(
        _ kind: Kind, _ namespace: String, _ folder: URL, server: String, kubeconfig: String,
        _ body: @Sendable (ClusterStage) async throws -> Void
    ) async throws {
        guard let address = URL(string: server), let host = address.host(), let port = address.port else {
            throw StageError("the API server's address is '\(server)'")
        }
        let direct = folder.appending(path: "direct.kubeconfig")
        try kubeconfig.write(to: direct, atomically: true, encoding: .utf8)
        let api = KubernetesAPI(
            transport: try HTTPTransport(Kubeconfig.read(direct.path(percentEncoded: false)).connection()))
        let way = try await PortForwarder(to: { [.init(host: host, port: port)] })
        let closable = folder.appending(path: "kubeconfig")
        try kubeconfig.replacing(server, with: "\(address.scheme ?? "https")://127.0.0.1:\(way.port)")
            .write(to: closable, atomically: true, encoding: .utf8)
        let endpoints = ServiceEndpoints(of: service, in: namespace, api)
        let front = try await PortForwarder(to: { endpoints.ready })
        let stage = ClusterStage(
            kind: kind, namespace: namespace, api: api, wayToServer: way, endpoints: endpoints,
            serviceAddress: "http://127.0.0.1:\(front.port)", kubeconfig: closable.path(percentEncoded: false),
            folder: folder)
        guard try await stage.isBare() else {
            print("Not run against \(kind.rawValue): it has nodes, and their kubelets would run the pods.")
            return
        }
        try await stage.prepare()
        try await stage.runPods {
            do {
                try await body(stage)
            } catch {
                await stage.tidy()
                throw error
            }
            await stage.tidy()
        }
        await front.close()
        await way.close()
    }

    /// Only the stand-in kubelet runs pods.
    private func isBare() async throws -> Bool {
        guard kind == .real else { return true }
        let nodes = JSONValue(data: try await api.answer(to: .list(Self.nodes)))?[field: "items"]?.items ?? []
        return nodes.allSatisfy { ($0.value(at: "status", "nodeInfo", "kubeletVersion")?.text ?? "").isEmpty }
    }

    private func prepare() async throws {
        try await api.apply(
            .customResourceDefinitions, NamespacedName(name: CustomResourceDefinition.name),
            body: Data(CanonicalJSON.text(CustomResourceDefinition.modelDeployment).utf8))
        try await makeNamespace()
        guard kind == .real else { return }
        _ = try await put(Self.nodes, namespace)
        // A real API server does not allow loopback addresses in an EndpointSlice, so these addresses are local by a route of
        // their own.
        try ChildProcess.run(["ip", "route", "replace", "local", "\(realPrefix).0.0/16", "dev", "lo"])
    }

    /// Runs while there is a kubelet, because pods do not end without one. What cannot be removed stays.
    private func tidy() async {
        let name = NamespacedName(name: namespace)
        try? await api.delete(.namespaces, name)
        guard kind == .real else { return }
        // No controller is left that could remove its finalizer.
        try? await edit(.modelDeployments, Self.service, ["metadata": ["finalizers": .null]])
        let end = ContinuousClock.now + Self.endLimit
        while ContinuousClock.now < end, (try? await api.answer(to: .get(.namespaces, name))) != nil {
            try? await ContinuousClock().sleep(for: .milliseconds(200))
        }
        try? await api.delete(Self.nodes, NamespacedName(name: namespace))
        _ = try? ChildProcess.run(["ip", "route", "del", "local", "\(realPrefix).0.0/16", "dev", "lo"])
    }

    private static let nodes = ResourceType(kind: "Node", plural: "nodes", isNamespaced: false)

    private var realPrefix: String { "10.\(100 + Int(ProcessInfo.processInfo.processIdentifier) % 100)" }

    func makeNamespace() async throws { _ = try await put(.namespaces, namespace) }

    private func put(_ type: ResourceType, _ name: String) async throws -> ObjectMetadata {
        let body: JSONValue = [
            "apiVersion": .string(type.apiVersion), "kind": .string(type.kind), "metadata": ["name": .string(name)],
        ]
        return try await api.create(type, namespace: nil, body: body.data)
    }

    private func runPods(_ body: () async throws -> Void) async throws {
        let mlctl = Installation.builtFolder + "mlctl"
        let kubelet = Kubelet(
            .init(
                api: api, namespace: namespace,
                images: [
                    Self.controllerImage: ImageProgram(
                        entryPoint: [mlctl],
                        extraArguments: ["--kubeconfig", kubeconfig, "--address", "$(POD_IP)"]),
                    Self.modelImage: ImageProgram(entryPoint: ["python3", Installation.serverPath]),
                    Self.checkImage: ImageProgram(entryPoint: ["sh"]),
                ],
                folder: folder.appending(path: "pods"),
                addresses: kind == .real ? PodAddresses(prefix: realPrefix) : PodAddresses(),
                bindsTo: kind == .real ? namespace : nil))
        let endpoints = endpoints
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await kubelet.run() }
            group.addTask { await endpoints.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }
}

struct StageError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// What kube-proxy knows about one Service: the pods that accept new connections.
struct ServiceEndpoints: Sendable {
    private struct Slice: KubernetesObject {
        static let resource = ResourceType.endpointSlices

        struct Endpoint: Decodable {
            struct Conditions: Decodable { var ready: Bool? }
            var addresses: [String]
            var conditions: Conditions?
        }
        struct Port: Decodable { var port: Int? }

        var metadata: ObjectMetadata
        var endpoints: [Endpoint]?
        var ports: [Port]?
    }

    private let slices: ObjectCache<Slice>

    init(of service: String, in namespace: String, _ api: KubernetesAPI) {
        slices = ObjectCache(
            of: api, .init(namespace: namespace, labelSelector: "kubernetes.io/service-name=\(service)"))
    }

    func run() async { await slices.run() }

    var ready: [PortForwarder.Target] {
        slices.all.flatMap { slice -> [PortForwarder.Target] in
            guard let port = slice.ports?.first?.port else { return [] }
            return (slice.endpoints ?? []).filter { $0.conditions?.ready ?? true }
                .flatMap(\.addresses).map { PortForwarder.Target(host: $0, port: port) }
        }
        .sorted { $0.host < $1.host }
    }
}
