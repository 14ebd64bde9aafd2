import ArgumentParser
import AsyncHTTPClient
import Foundation
import KubernetesClient
import KubernetesServing
import Logging
import NIOCore
import Serving
import TrafficProxy

/// `mlctl proxy`: the data plane.
struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Route requests to revisions by their weights, and count the answers.",
        discussion: """
            On one machine the controller starts it, and it keeps running without the controller. In a cluster it runs as \
            pods of a namespace, and follows the routes in the API server; the controller queries its control port. \
            On SIGTERM it finishes the requests under way.

            Examples:
              mlctl proxy --state-dir /var/lib/mlctl
              mlctl proxy --namespace payments --state-dir /var/lib/mlctl       in a pod
            """)

    @OptionGroup var state: StateOption
    @Option(help: "Follow the routes of this namespace of a cluster.") var namespace: String?
    @Option(help: "With --namespace: the cluster's kubeconfig. Default: in a pod, its service account.")
    var kubeconfig: String?
    @Option(name: .customLong("control-port"), help: "With --namespace: the control port.")
    var controlPort = 9901
    @Option(help: "With --namespace: the address that endpoints and the control port listen on.")
    var address = "0.0.0.0"
    @Option(
        name: .customLong("control-socket"),
        help: "The path of the control socket, if the state folder is read-only. Default: in the state folder.")
    var controlSocket: String?
    @Option(
        name: .customLong("request-id-key"), help: "A file with the key of request ids, which several proxies share.")
    var requestIdKey: String?
    @Option(
        name: .customLong("route-key"),
        help: "With --namespace: the controller's public key. Routes without its signature are ignored.")
    var routeKey: String?

    private var sealCheck: SealCheck? {
        get throws {
            guard let routeKey else { return nil }
            if let check = SealCheck(publicKey: routeKey) { return check }
            throw ValidationError(
                "--route-key is not an Ed25519 public key in base64 (44 characters, as the controller writes it)")
        }
    }

    func run() async throws {
        let logger = Logger(label: "mlctl.proxy") { _ in PlainLogHandler() }
        try TrustedPlaces.checkState(state.url)
        var configuration = TrafficProxyConfiguration(
            stateDirectory: state.url.path(percentEncoded: false), controlSocket: controlSocket,
            requestIdKeyFile: requestIdKey, logger: logger)
        guard let namespace else { return try await serveMachine(configuration) }
        let connection = try ClusterSettings(name: "proxy", kubeconfig: kubeconfig).connection()
        let api = KubernetesAPI(transport: try HTTPTransport(connection))
        let watch = RouteWatch(
            api, namespace: namespace, pod: ProcessInfo.processInfo.hostName, check: try sealCheck, logger: logger)
        let (changes, change) = AsyncStream.makeStream(of: [ProxyRoute].self, bufferingPolicy: .bufferingNewest(1))
        let (delivered, deliver) = AsyncStream.makeStream(of: [ProxyRoute].self, bufferingPolicy: .bufferingNewest(1))
        let recordings = RecordingDelivery(
            folder: state.url.appending(path: "recordings"), logger: logger,
            fetch: RecordingFetch.bytes(of:maximumBytes:))
        configuration.directions = .following(delivered, host: address, controlPort: controlPort)
        let proxy = TrafficProxy(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run(change) }
            group.addTask { await recordings.run(changes, deliver) }
            defer { group.cancelAll() }
            try await proxy.run()
        }
    }

    static let lockTries = 10
    static let lockRetryDelay = Duration.milliseconds(20)

    /// A process that checks whether a proxy runs holds the lock for an instant. Only a lock that stays held belongs to a proxy.
    private func serveMachine(_ configuration: TrafficProxyConfiguration) async throws {
        for _ in 1..<Self.lockTries {
            do {
                return try await TrafficProxy(configuration: configuration).run()
            } catch let error as ProxyError where error.code == .alreadyRunning {
                try await Task.sleep(for: Self.lockRetryDelay)
            }
        }
        try await TrafficProxy(configuration: configuration).run()
    }
}

/// Fetches recorded requests from a companion in a pod.
enum RecordingFetch {
    static let timeout = TimeAmount.seconds(10)
    private static let reasonBytes = 4 << 10

    struct Refusal: Error, CustomStringConvertible {
        var description: String
    }

    static func bytes(of url: String, maximumBytes: Int) async throws -> [UInt8] {
        let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: timeout)
        guard response.status == .ok else {
            let reason = try await response.body.collect(upTo: reasonBytes)
            throw Refusal(description: "answered \(response.status.code): \(String(buffer: reason))")
        }
        return Array(try await response.body.collect(upTo: maximumBytes).readableBytesView)
    }
}
