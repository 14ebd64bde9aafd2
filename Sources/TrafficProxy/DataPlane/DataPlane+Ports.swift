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

    func follow(_ owner: PortOwner?, at listener: Listener) {
        listener.owner = owner
        listener.route = owner.flatMap { routes[$0.deployment] }
        listener.preview = owner?.preview.flatMap { listener.route?.revision(named: $0.rawValue) }
        secure(listener)
        // Previews stay on this machine.
        if let route = listener.route, owner?.preview == nil { listener.listen(at: address(of: route) ?? host) }
    }

    /// Nil for the proxy's own address.
    private func address(of route: LiveRoute) -> String? {
        heldAddresses[route.spec.deployment] ?? route.spec.address
    }

    /// Sets what new connections get. Connections that were accepted with TLS, or without, end if that changes.
    func secure(_ listener: Listener) {
        guard let route = listener.route else { return }
        let security: EndpointSecurity =
            route.spec.tls == nil
            ? .clear : securities[route.spec.deployment] ?? .unusable("endpoint.tls: its files were not read yet")
        let isSame = security.isLike(listener.security)
        listener.security = security
        guard !isSame else { return }
        for client in clients where client.listener === listener {
            client.isOutdated = true
            client.drain()
        }
        for client in http2Clients.values where client.listener === listener { client.drain() }
    }

    /// A listener opened: its owner moves to it, and the port that it leaves is free for the next one.
    func portOpened() {
        // The next report includes ports that open as a result.
        _ = settlePorts()
    }

    private func open(_ port: Int) -> EventLoopFuture<Void> {
        let owner = wantedPorts.first { $0.value == port }?.key
        let address = owner.flatMap { $0.preview == nil ? routes[$0.deployment].flatMap(address(of:)) : nil }
        let listener = Listener(port: port, host: address ?? host, plane: self)
        listeners[port] = listener
        return listener.bind()
    }

    private func close(_ listener: Listener) {
        listeners[listener.port] = nil
        listener.remove()
        for client in http2Clients.values where client.listener === listener { client.drain() }
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
