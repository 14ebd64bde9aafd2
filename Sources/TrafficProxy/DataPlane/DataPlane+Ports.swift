import NIOCore
import Serving

/// Assigns ports to listeners.
extension DataPlane {
    /// Assigns open ports to the deployments that want them, opens missing ports, and closes ports that nobody wants.
    /// - Returns: the first attempts to open new ports.
    func settlePorts() -> [EventLoopFuture<Void>] {
        guard !isDraining else {
            // No port listens any more. Open connections continue with the new routes.
            for listener in listeners.values { follow(listener.owner, at: listener) }
            return []
        }
        var open: [Int: PortOwner?] = [:]
        for (port, listener) in listeners where listener.isListening { open[port] = .some(listener.owner) }
        assignment = PortAssignment(wanted: wantedPorts, open: open)
        for (port, listener) in listeners {
            follow(assignment.answers[port], at: listener)
            if listener.owner == nil, !assignment.opens.contains(port) { close(listener) }
        }
        return assignment.opens.filter { listeners[$0] == nil }.map(self.open)
    }

    private func follow(_ owner: PortOwner?, at listener: Listener) {
        listener.owner = owner
        listener.route = owner.flatMap { routes[$0.deployment] }
        listener.preview = owner?.preview.flatMap { listener.route?.revision(named: $0.rawValue) }
    }

    /// A listener opened: its owner moves to it, and the port that it leaves is free for the next one.
    func portOpened() {
        // The next report includes ports that open as a result.
        _ = settlePorts()
    }

    private func open(_ port: Int) -> EventLoopFuture<Void> {
        let listener = Listener(port: port, plane: self)
        listeners[port] = listener
        return listener.bind()
    }

    private func close(_ listener: Listener) {
        listeners[listener.port] = nil
        listener.remove()
        for client in clients where client.listener === listener { client.drain() }
    }

    func answered(after binds: [EventLoopFuture<Void>]) -> EventLoopFuture<ProxyReport> {
        if binds.isEmpty { return loop.makeSucceededFuture(report()) }
        let tried = loop.makePromise(of: Void.self)
        let timer = loop.scheduleTask(in: .nanoseconds(limits.bindWait.nanosecondsClamped)) { tried.succeed() }
        EventLoopFuture.andAllComplete(binds, on: loop).whenComplete { _ in
            timer.cancel()
            tried.succeed()
        }
        let bound = NIOLoopBound(self, eventLoop: loop)
        return tried.futureResult.map { bound.value.report() }
    }
}
