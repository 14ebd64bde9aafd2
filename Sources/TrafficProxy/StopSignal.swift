import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Waits for a request to stop.
enum StopSignal {
    /// Returns when the task is cancelled, or on SIGTERM or SIGINT if `mindsSignals` is true.
    static func wait(forSignals mindsSignals: Bool) async {
        let (stops, stop) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let sources = (mindsSignals ? [SIGTERM, SIGINT] : []).map { number in
            // The default action would end the process before the source gets the signal.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { stop.finish() }
            source.resume()
            return source
        }
        for await _ in stops {}
        for source in sources { source.cancel() }
    }
}
