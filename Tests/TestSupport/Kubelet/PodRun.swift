import AsyncHTTPClient
import Foundation
import KubernetesClient
import NIOCore
import NIOPosix

/// The life of one pod on this machine: its process, its probes, and its status reports.
///
/// Not supported: init containers, more than one container, limits, liveness probes.
actor PodRun {
    /// Between two looks at a pod.
    private static let tick: Duration = .milliseconds(50)
    /// How often a container is probed until it is ready, so that no test waits for a whole period.
    private static let firstProbeInterval: Duration = .milliseconds(200)
    /// The longest wait before a restart. The first restart is immediate; later waits double.
    private static let longestRestartDelay: Duration = .seconds(8)
    private static let defaultGraceSeconds = 30
    private static let leastGraceSeconds = 2

    private let pod: PodObject
    private let container: PodObject.Container
    private let kubelet: Kubelet.Settings
    private let api: KubernetesAPI
    private let folder: URL
    private var process: ChildProcess?
    private var status: PodStatus
    private var toldStatus: PodStatus?
    private var restartAt: ContinuousClock.Instant?
    private var restartDelay: Duration = .zero
    private var nextProbeAt = ContinuousClock.now
    private var failedProbes = 0

    init(_ pod: PodObject, _ container: PodObject.Container, address: String, _ kubelet: Kubelet.Settings) {
        self.pod = pod
        self.container = container
        self.kubelet = kubelet
        api = kubelet.api
        folder = kubelet.folder.appending(path: "\(pod.metadata.name)-\(pod.metadata.uid?.suffix(6) ?? "")")
        status = PodStatus(address: address, now: Date())
    }

    private var key: NamespacedName { pod.metadata.key }

    /// Runs until the pod is gone, or the task is cancelled.
    /// - Parameter current: the pod as the server has it; nil: gone.
    func live(_ current: @Sendable () -> PodObject?) async {
        await bind()
        while !Task.isCancelled {
            guard let now = current() else { break }
            if now.isTerminating {
                await end(current)
                return
            }
            await runContainer()
            await probe()
            await tell()
            try? await ContinuousClock().sleep(for: Self.tick)  // Ends early only when cancelled.
        }
        process?.stop()
    }

    /// Binds the pod if no scheduler does.
    private func bind() async {
        guard let node = kubelet.bindsTo, pod.spec.nodeName == nil else { return }
        let body = """
            {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "\(key.name)"}, \
            "target": {"kind": "Node", "name": "\(node)"}}
            """
        let path = ResourceType.pods.path(namespace: key.namespace, name: key.name, subresource: "binding")
        await carryOut(APIRequest(.post, path, contentType: "application/json", body: Data(body.utf8)))
    }

    // MARK: - The process

    private func runContainer() async {
        if case .ended = status.container { return }
        guard let image = kubelet.images[container.image] else {
            status.container = .cannotPull
            return
        }
        if let process {
            guard !process.isRunning else { return }
            noteEnd(of: process)
            if pod.isRunOnce { return }
        }
        guard restartAt.map({ $0 <= .now }) ?? true else { return }
        do {
            guard let volumes = try await volumes() else { return }
            process = try start(image, volumes)
            status.container = .running(since: Date())
        } catch  where pod.isRunOnce {
            status.container = .ended(.init(exitCode: 128, message: "\(error)", at: Date()))
        } catch {
            status.container = .crashed
            restartAt = .now + Self.longestRestartDelay
            status.lastEnd = .init(exitCode: 127, message: "\(error)", at: Date())
        }
    }

    private func noteEnd(of ended: ChildProcess) {
        if pod.isRunOnce {
            status.container = .ended(
                .init(exitCode: (try? ended.wait()) ?? -1, message: lastWords, at: Date()))
            process = nil
            return
        }
        status.container = .crashed
        status.isStarted = false
        status.setReady(false, now: Date())
        status.restartCount += 1
        status.lastEnd = .init(exitCode: (try? ended.wait()) ?? -1, message: lastLine, at: Date())
        process = nil
        restartAt = .now + restartDelay
        restartDelay = min(max(restartDelay * 2, .seconds(1)), Self.longestRestartDelay)
    }

    /// The folder of each volume, by its name; nil while a Secret is missing.
    private func volumes() async throws -> [String: String]? {
        var volumes: [String: String] = [:]
        for mount in container.volumeMounts ?? [] {
            let volume = folder.appending(path: mount.name)
            try FileManager.default.createDirectory(at: volume, withIntermediateDirectories: true)
            volumes[mount.name] = volume.path(percentEncoded: false)
            guard let name = pod.spec.volumes?.first(where: { $0.name == mount.name })?.secret?.secretName else {
                continue
            }
            let found = try await api.get(SecretObject.self, NamespacedName(namespace: key.namespace, name: name))
            guard let secret = found else { return nil }
            for (file, content) in secret.data ?? [:] { try content.write(to: volume.appending(path: file)) }
        }
        return volumes
    }

    private struct SecretObject: KubernetesObject {
        static let resource = ResourceType.secrets
        var metadata: ObjectMetadata
        /// Base64 in JSON.
        var data: [String: Data]?
    }

    private func start(_ image: ImageProgram, _ volumes: [String: String]) throws -> ChildProcess {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let wanted = ContainerProcess(
            container, of: pod.metadata, address: status.address, image: image, volumes: volumes)
        let log = logFile.path(percentEncoded: false)
        return try ChildProcess(
            wanted.command, environment: wanted.environment, output: .files(output: log, errors: log))
    }

    private var logFile: URL { folder.appending(path: "log") }

    /// The log that the model of an API server gets.
    private var lastWords: String { String(((try? String(contentsOf: logFile, encoding: .utf8)) ?? "").suffix(2_000)) }

    private var lastLine: String {
        let text = (try? String(contentsOf: logFile, encoding: .utf8)) ?? ""
        return text.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
    }

    /// The hook's pause, SIGTERM, and SIGKILL when the grace period is over; then the pod is gone. A shortened grace period
    /// starts again, and the hook with it. At least two seconds remain after SIGTERM.
    private func end(_ current: @Sendable () -> PodObject?) async {
        var grace = pod.spec.terminationGracePeriodSeconds ?? Self.defaultGraceSeconds
        var begin = ContinuousClock.now
        var isTold = false
        while let process, process.isRunning, !Task.isCancelled, let now = current() {
            if let shorter = now.graceSeconds, shorter < grace {
                (grace, begin) = (shorter, .now)
            }
            let hook = min(grace, container.lifecycle?.preStop?.sleep?.seconds ?? 0)
            let left = max(grace - hook, Self.leastGraceSeconds)
            guard ContinuousClock.now < begin + .seconds(hook + left) else { break }
            if !isTold, ContinuousClock.now >= begin + .seconds(hook) {
                process.terminate()
                isTold = true
            }
            try? await ContinuousClock().sleep(for: Self.tick)  // Ends early only when cancelled.
        }
        process?.stop()
        guard !Task.isCancelled, let uid = pod.metadata.uid else { return }
        let options = """
            {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": "\(uid)"}}
            """
        let path = ResourceType.pods.path(namespace: key.namespace, name: key.name)
        await carryOut(APIRequest(.delete, path, contentType: "application/json", body: Data(options.utf8)))
    }

    // MARK: - Probes

    private func probe() async {
        guard case .running = status.container, ContinuousClock.now >= nextProbeAt else { return }
        let probe = status.isStarted ? container.readinessProbe : container.startupProbe ?? container.readinessProbe
        let isWell = await answers(probe)
        if isWell { status.isStarted = true }
        failedProbes = isWell ? 0 : failedProbes + 1
        if isWell {
            status.setReady(true, now: Date())
        } else if failedProbes >= probe?.failureThreshold ?? 3 {
            status.setReady(false, now: Date())
        }
        nextProbeAt = .now + (status.isReady ? .seconds(probe?.periodSeconds ?? 10) : Self.firstProbeInterval)
    }

    private func answers(_ probe: PodProbe?) async -> Bool {
        guard let probe else { return true }
        guard let port = probe.port(of: container) else { return false }
        let limit = TimeAmount.seconds(Int64(probe.timeoutSeconds ?? 1))
        if let get = probe.httpGet {
            let request = HTTPClientRequest(url: "http://\(status.address):\(port)\(get.path ?? "/")")
            guard let response = try? await HTTPClient.shared.execute(request, timeout: limit) else { return false }
            _ = try? await response.body.collect(upTo: 1 << 20)
            return (200..<400).contains(response.status.code)
        }
        let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(limit).connect(host: status.address, port: port).get()
        try? await channel?.close()
        return channel != nil
    }

    // MARK: - Reporting

    private func tell() async {
        guard status != toldStatus else { return }
        let new = status
        let request = APIRequest.merge(
            .pods, key, body: new.patch(container).data, fieldManager: "kubelet", subresource: "status")
        if await carryOut(request) { toldStatus = new }
    }

    @discardableResult
    private func carryOut(_ request: APIRequest) async -> Bool {
        do {
            _ = try await api.answer(to: request)
            return true
        } catch {
            // The pod is gone, or the next look reports it again.
            return false
        }
    }
}
