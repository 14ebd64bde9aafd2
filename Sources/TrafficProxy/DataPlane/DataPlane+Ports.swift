import NIOCore
import Serving

/// Which listener answers for whom.
extension DataPlane {
    /// Moves open ports to whoever wants them, opens what is missing, and closes what nobody wants any more.
    /// - Returns: the first tries of new ports.
    func settlePorts() -> [EventLoopFuture<Void>] {
        guard !isDraining else {
            // Nothing listens any more; connections that are open go on by the new routes.
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

    /// A listener opened: its owner moves there, and the port that it leaves is free for the next.
    func portOpened() {
        // What opens in turn is reported by the next look.
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
