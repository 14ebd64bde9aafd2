import Dispatch
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import SafeText

/// A small model server: Open Inference Protocol v2 over HTTP/1.1, one model, on the loopback address by default.
///
///     GET  /v2, /v2/health/live, /v2/health/ready, /v2/models/NAME[/versions/V], /v2/models/NAME/ready, /metrics
///     POST /v2/models/NAME/infer     one JSON tensor of shape [rows, columns]; FP64, FP32, INT64 or INT32
///
/// It answers 400 for a client's error and 500 if the model has no finite answer, with `{"error": …}`.
package struct InferenceServer: Sendable {
    package struct Configuration: Sendable {
        /// Path of a model.json. `ModelFile` describes the format.
        package var modelFile: String
        package var host: String
        /// 0 selects any free port.
        package var port: Int
        /// Overrides the file's own name, in paths and answers.
        package var modelName: String?
        package var modelVersion: String?
        package var limits = ServerLimits()
        /// Signals that stop the server in the same way as a cancelled task.
        package var stopSignals: [Int32] = [SIGTERM, SIGINT]
        /// Receives a line for each request that the model failed to answer. Called outside the event loop.
        package var report: @Sendable (String) -> Void = { line in
            FileHandle.standardError.write(Data((Escape.line(line) + "\n").utf8))
        }

        package init(
            modelFile: String, host: String = "127.0.0.1", port: Int = 0, modelName: String? = nil,
            modelVersion: String? = nil
        ) {
            self.modelFile = modelFile
            self.host = host
            self.port = port
            self.modelName = modelName
            self.modelVersion = modelVersion
        }
    }

    /// What the server serves, and where.
    package struct Listening: Hashable, Sendable {
        package var host: String
        package var port: Int
        package var modelName: String
        package var modelVersion: String
    }

    private let configuration: Configuration

    package init(configuration: Configuration) { self.configuration = configuration }

    /// Loads the model and serves it. Returns after a stop signal, or when the task is cancelled: then no new requests are
    /// accepted, and requests in progress may finish within `limits.drainTimeout`.
    ///
    /// - Parameter onListening: called once, when the server answers requests.
    /// - Throws: `ModelFileError` for a bad model, `ListenError` for a port that cannot be used.
    package func run(onListening: @Sendable (Listening) -> Void = { _ in }) async throws {
        var model = try TabularModel(contentsOf: configuration.modelFile)
        model.name = configuration.modelName ?? model.name
        model.version = configuration.modelVersion ?? model.version

        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let scoring = NIOThreadPool(numberOfThreads: configuration.limits.scoringThreads)
        scoring.start()
        let outcome: Result<Void, any Error>
        do {
            try await serve(model, on: group.next(), scoring: scoring, onListening: onListening)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await scoring.shutdownGracefully()
        try await group.shutdownGracefully()
        try outcome.get()
    }

    private func serve(
        _ model: TabularModel, on loop: any EventLoop, scoring: NIOThreadPool,
        onListening: @Sendable (Listening) -> Void
    ) async throws {
        let stop = StopRequest(signals: configuration.stopSignals)
        defer { stop.cancel() }
        let state = NIOLoopBoundBox.makeBoxSendingValue(ServerState(), eventLoop: loop)
        let gate = NIOLoopBoundBox.makeBoxSendingValue(
            ConnectionGate(limit: configuration.limits.connections), eventLoop: loop)
        let service = InferenceService(model: model)
        // The clients are gone by now, so nobody needs the results of scoring in progress.
        defer { service.abandon() }
        let listener: any Channel
        do {
            listener = try await bootstrap(service, on: loop, scoring: scoring, state: state, gate: gate)
                .bind(host: configuration.host, port: configuration.port).get()
        } catch {
            throw ListenError(host: configuration.host, port: configuration.port, cause: "\(error)")
        }
        onListening(
            Listening(
                host: configuration.host, port: listener.localAddress?.port ?? configuration.port,
                modelName: model.name, modelVersion: model.version))
        await stop.wait(orClosing: listener)

        let drained = loop.makePromise(of: Void.self)
        let grace = TimeAmount(configuration.limits.drainTimeout)
        loop.execute {
            state.value.isDraining = true
            gate.value.drain(listener, grace: grace, drained: drained)
        }
        try await drained.futureResult.get()
    }

    private func bootstrap(
        _ service: InferenceService, on loop: any EventLoop, scoring: NIOThreadPool,
        state: NIOLoopBoundBox<ServerState>, gate: NIOLoopBoundBox<ConnectionGate>
    ) -> ServerBootstrap {
        let limits = configuration.limits
        let report = configuration.report
        return ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { listener in
                listener.eventLoop.makeCompletedFuture {
                    try listener.pipeline.syncOperations.addHandler(gate.value)
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { connection in
                connection.eventLoop.makeCompletedFuture {
                    let pipeline = connection.pipeline.syncOperations
                    var decoder = NIOHTTPDecoderLimitConfiguration()
                    decoder.maxHeaderListSize = limits.headerBytes
                    decoder.maxHeaderFieldSize = limits.headerBytes
                    decoder.maxHeaderFieldCount = limits.headerFields
                    try pipeline.addHandlers([
                        IdleStateHandler(allTimeout: TimeAmount(limits.idleTimeout)),
                        RequestDeadline(timeout: TimeAmount(limits.requestReadTimeout)),
                    ])
                    try pipeline.configureHTTPServerPipeline(
                        withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoder)
                    try pipeline.addHandler(
                        RequestHandler(
                            service: service, scoring: scoring, state: state, limits: limits, report: report))
                }
            }
    }
}

/// The server cannot listen at the address.
package struct ListenError: Error, Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var cause: String

    package var description: String {
        "cannot listen on \(host):\(port) (\(cause)); choose a free port, or 0 for any"
    }
}

/// Waits for a reason to stop: a signal, a cancelled task, or a closed listener. Created before the server listens, so that no
/// signal is missed.
private struct StopRequest {
    private let wishes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let sources: [any DispatchSourceSignal]

    init(signals: [Int32]) {
        let (wishes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (self.wishes, self.continuation) = (wishes, continuation)
        sources = signals.map { number in
            // The default action would end the process before the source gets the signal.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
    }

    func wait(orClosing listener: any Channel) async {
        listener.closeFuture.whenComplete { [continuation] _ in continuation.finish() }
        for await _ in wishes { break }
    }

    func cancel() { for source in sources { source.cancel() } }
}

/// Every limit of the server, by name.
package struct ServerLimits: Hashable, Sendable {
    /// Connections beyond this number are closed at once.
    package var connections = 256
    /// A larger body is refused with 413.
    package var bodyBytes = 1 << 20
    package var headerBytes = 32 << 10
    package var headerFields = 100
    /// From a request's first byte to its last. A slower client is cut off.
    package var requestReadTimeout: Duration = .seconds(10)
    /// A connection without traffic for this long is closed, unless the model is working for it.
    package var idleTimeout: Duration = .seconds(75)
    /// Requests that wait for the model or are being scored. Further requests are answered 503.
    package var pendingInferences = 256
    /// Threads that score. Event loops never score.
    package var scoringThreads = 2
    /// How long requests in progress may take when the server stops.
    package var drainTimeout: Duration = .seconds(10)

    package init() {}
}
