import Foundation
import Glibc
import ModelManifests
import Serving
import Synchronization
import Transport

/// Runs beside the model server in its pod. Sends the warm-up requests, and serves the recorded requests to the proxies. Both are
/// files of the model's folder, which only this pod has.
///
/// # Guarantees
/// - It is ready only while the current server process has answered the warm-up requests. A pod is ready only if all its
///   containers are, so no router sends it user requests before that.
/// - It sends nothing to a server that has not answered its readiness probe.
package struct PodCompanion: Sendable {
    package struct Configuration: Sendable {
        /// The folder with the model's files.
        package var folder: String
        /// The port of the server's requests, on the loopback address.
        package var serverPort: Int
        /// The readiness probe. If `path` is nil, the server is ready when it accepts connections.
        package var readiness: (port: Int, path: String?)
        package var warmup: Warmup?
        /// The file with recorded requests.
        package var recordings: String?
        package var address: String
        package var port: Int

        package init(
            folder: String, serverPort: Int, readiness: (port: Int, path: String?)? = nil, warmup: Warmup? = nil,
            recordings: String? = nil, address: String = "0.0.0.0", port: Int = CompanionPort.number
        ) {
            self.folder = folder
            self.serverPort = serverPort
            self.readiness = readiness ?? (serverPort, nil)
            self.warmup = warmup
            self.recordings = recordings
            self.address = address
            self.port = port
        }
    }

    private let configuration: Configuration

    package init(_ configuration: Configuration) { self.configuration = configuration }

    /// Runs until its task is cancelled. Returns early only by throwing.
    /// - Parameter listening: called with the port once it listens.
    /// - Throws: `CompanionError`.
    package func run(listening: @Sendable (Int) -> Void = { _ in }) async throws {
        let requests = try warmupRequests()
        let state = CompanionState()
        let page = try await CompanionPage.open(configuration, state)
        listening(page.port)
        do {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
                    // Runs on its own thread, because exchanges block in poll(2).
                    let thread = Thread { done.resume(with: Result { try attend(requests, state) }) }
                    thread.name = "mlctl-companion"
                    thread.start()
                }
            } onCancel: {
                state.end()
            }
        } catch {
            await page.close()
            throw error
        }
        await page.close()
    }

    private func warmupRequests() throws -> WarmupRequests? {
        do {
            return try configuration.warmup.map { try WarmupRequests($0, modelFolder: configuration.folder) }
        } catch let error as LocalServingError {
            throw CompanionError(.invalidRequests, error.message)
        }
    }

    private func attend(_ requests: WarmupRequests?, _ state: CompanionState) throws {
        let begunAt = ContinuousClock.now
        let server = ProbedPodServer(configuration: configuration, requests: requests) {
            ContinuousClock.now - begunAt
        }
        var machine = CompanionMachine(hasWarmup: requests != nil)
        while !state.isOver {
            server.sleep(machine.pause)
            switch machine.action {
            case .probe: machine.probed(server.probe())
            case .play: machine.played(server.play())
            case .watch: machine.watched(isListening: server.isListening())
            case .leave(let why): throw CompanionError(.warmupFailed, why)
            }
            state.setWarm(machine.isWarm)
        }
    }
}

/// Why a companion ended; the cluster shows it as the container's last words, and starts it again.
package typealias CompanionError = CodedError<CompanionErrorCode>

package enum CompanionErrorCode: ErrorCode {
    /// The file of requests is missing or wrong.
    case invalidRequests
    case warmupFailed
    case cannotListen

    package var retryClass: RetryClass { self == .invalidRequests ? .terminal : .transient }
}

/// The state behind the companion's page, and whether the companion should end.
final class CompanionState: Sendable {
    private let warm = Atomic(false)
    private let over = Atomic(false)

    var isWarm: Bool { warm.load(ordering: .relaxed) }
    var isOver: Bool { over.load(ordering: .relaxed) }
    func setWarm(_ isWarm: Bool) { warm.store(isWarm, ordering: .relaxed) }
    func end() { over.store(true, ordering: .relaxed) }
}

/// The pod's server. Each call blocks until it is answered or its time is over.
private struct ProbedPodServer {
    private static let probeTimeout = Duration.seconds(2)

    let configuration: PodCompanion.Configuration
    let requests: WarmupRequests?
    let now: () -> Duration

    func sleep(_ pause: Duration) {
        guard pause > .zero else { return }
        usleep(UInt32(pause / .microseconds(1)))
    }

    func probe() -> ProbeOutcome {
        let (port, path) = configuration.readiness
        let exchange = LoopbackExchange(
            port: port, request: path.map { LoopbackExchange.request(method: "GET", path: $0, port: port) },
            deadline: now() + Self.probeTimeout)
        wait(on: { exchange.descriptor }, { exchange.wants }, until: exchange.deadline) {
            exchange.proceed(at: now(), isReady: $0)
        }
        return switch exchange.result {
        case .connected: .success
        case .answered(let status) where (200...399).contains(status): .success
        case .answered(let status): .failure("the probe got status \(status)")
        case .failed(let why): .failure(why)
        case nil: .failure("no answer")
        }
    }

    func play() -> WarmupOutcome {
        guard let requests, let warmup = configuration.warmup else { return .played(notes: nil) }
        let run = WarmupRun(requests, port: configuration.serverPort, deadline: now() + warmup.timeout)
        wait(on: { run.descriptor }, { run.wants }, until: now() + warmup.timeout) {
            run.proceed(at: now(), isReady: $0) != nil
        }
        return run.outcome ?? .failed("the warm-up requests were not answered within \(warmup.timeout)")
    }

    /// Whether the server listens. A server that is too busy to accept a connection still counts as listening.
    func isListening() -> Bool {
        let exchange = LoopbackExchange(
            port: configuration.serverPort, request: nil, deadline: now() + Self.probeTimeout)
        wait(on: { exchange.descriptor }, { exchange.wants }, until: exchange.deadline) {
            exchange.proceed(at: now(), isReady: $0)
        }
        return !exchange.isRefused
    }

    private func wait(
        on descriptor: () -> Int32?, _ wants: () -> Int16, until deadline: Duration, proceed: (_ isReady: Bool) -> Bool
    ) {
        var isReady = false
        while !proceed(isReady) {
            let left = deadline - now()
            guard left > .zero else {
                _ = proceed(false)
                return
            }
            var polled = pollfd(fd: descriptor() ?? -1, events: wants(), revents: 0)
            // A closed descriptor would make poll(2) sleep for the whole time.
            let sleep = polled.fd < 0 ? 0 : Int32(clamping: Int(left / .milliseconds(1)) + 1)
            _ = poll(&polled, 1, sleep)
            isReady = polled.revents != 0
        }
    }
}
