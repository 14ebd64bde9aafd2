import ModelManifests
import Serving

/// Decides which ports may be used. An owner that keeps its port comes first, then the earlier route.
struct PortValidation {
    /// By port, its current or future user.
    private var taken: [Int: String] = [:]
    private var instances: [Int: String] = [:]

    /// Gives each owner a port that it can use, and records why if it is not the one that it asked for.
    static func check(_ accepted: inout AcceptedRoutes, following last: AcceptedRoutes) {
        var validation = PortValidation()
        // A port that was asked for and refused belongs to nobody.
        let had = last.wantedPorts.compactMapValues(\.self)
        let held = validation.keepHeld(accepted, had)
        validation.noteInstances(&accepted, held: held)
        for reserved in accepted.routes.reservedPorts where validation.taken[reserved.port] == nil {
            validation.taken[reserved.port] = reserved.use
        }
        for index in accepted.routes.routes.indices {
            for (owner, asked) in accepted.routes.routes[index].portsByOwner where had[owner] != asked {
                guard let reason = validation.claim(asked, for: owner) else { continue }
                let fault = AcceptedRoutes.PortRefusal(asked: asked, kept: had[owner], reason: reason)
                accepted.refuse(owner, fault)
                if let kept = fault.kept { accepted.routes.routes[index].move(owner, to: kept) }
            }
        }
    }

    /// - Returns: the ports that are kept.
    private mutating func keepHeld(_ accepted: AcceptedRoutes, _ had: [PortOwner: Int]) -> Set<Int> {
        var held: Set<Int> = []
        for (owner, port) in accepted.routes.routes.flatMap(\.portsByOwner) where had[owner] == port {
            taken[port] = "\(owner)"
            held.insert(port)
        }
        return held
    }

    /// Refuses loops: an instance cannot use a port at which the proxy listens already, and the proxy must not listen at an
    /// instance's port.
    private mutating func noteInstances(_ accepted: inout AcceptedRoutes, held: Set<Int>) {
        for index in accepted.routes.routes.indices {
            let deployment = accepted.routes.routes[index].deployment
            for place in accepted.routes.routes[index].revisions.indices {
                let upstreams = accepted.routes.routes[index].revisions[place].upstreams
                for upstream in upstreams where upstream.host == Upstream.loopback {
                    for port in upstream.ports {
                        if held.contains(port) {
                            accepted.refuse(
                                deployment,
                                "instance \(upstream.instance) uses port \(port), which is an endpoint of this proxy: "
                                    + "the proxy would call itself")
                        } else {
                            instances[port] = "instance \(upstream.instance) of \(deployment)"
                        }
                    }
                }
                accepted.routes.routes[index].revisions[place].upstreams.removeAll {
                    $0.host == Upstream.loopback && $0.ports.contains(where: held.contains)
                }
            }
        }
    }

    /// - Returns: why the owner cannot have the port. Nil if it can.
    private mutating func claim(_ port: Int, for owner: PortOwner) -> String? {
        let noun = owner.preview == nil ? "port" : "preview port"
        if !(1...65535).contains(port) { return "\(noun) \(port) is not between 1 and 65535" }
        if let other = taken[port] { return "\(noun) \(port) is already used by \(other): choose another port" }
        if let instance = instances[port] {
            return "\(noun) \(port) is used by \(instance), so the proxy would call itself: choose another port"
        }
        taken[port] = "\(owner)"
        return nil
    }
}

extension PortOwner: CustomStringConvertible {
    var description: String { preview.map { "the preview of \(deployment)'s \($0)" } ?? "\(deployment)" }
}

extension Upstream {
    fileprivate var ports: Set<Int> { Set([port, rpcPort].compactMap(\.self)) }
}

extension ProxyRoute {
    fileprivate mutating func move(_ owner: PortOwner, to port: Int) {
        guard let preview = owner.preview else {
            self.port = port
            return
        }
        for index in revisions.indices where revisions[index].revision == preview {
            revisions[index].previewPort = port
        }
    }
}
