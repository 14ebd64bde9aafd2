import ModelManifests
import Serving

/// Which ports may be listened at. Whoever has a port and asks for it again comes first; of others, the earlier route.
struct PortValidation {
    /// By port, what has it or is to have it.
    private var taken: [Int: String] = [:]
    private var instances: [Int: String] = [:]

    /// Leaves every owner a port that it can have, and says why where that is not the one it asked for.
    static func check(_ accepted: inout AcceptedRoutes, following last: AcceptedRoutes) {
        var validation = PortValidation()
        // A port that was asked for and refused is nobody's.
        let had = last.wantedPorts.compactMapValues(\.self)
        let held = validation.keepHeld(accepted, had)
        validation.noteInstances(&accepted, held: held)
        for reserved in accepted.routes.reservedPorts where validation.taken[reserved.port] == nil {
            validation.taken[reserved.port] = reserved.use
        }
        for index in accepted.routes.routes.indices {
            for (owner, asked) in accepted.routes.routes[index].portsByOwner where had[owner] != asked {
                guard let reason = validation.claim(asked, for: owner) else { continue }
                let fault = AcceptedRoutes.PortFault(asked: asked, kept: had[owner], reason: reason)
                accepted.refuse(owner, fault)
                if let kept = fault.kept { accepted.routes.routes[index].move(owner, to: kept) }
            }
        }
    }

    /// - Returns: ports that are held on to.
    private mutating func keepHeld(_ accepted: AcceptedRoutes, _ had: [PortOwner: Int]) -> Set<Int> {
        var held: Set<Int> = []
        for (owner, port) in accepted.routes.routes.flatMap(\.portsByOwner) where had[owner] == port {
            taken[port] = "\(owner)"
            held.insert(port)
        }
        return held
    }

    /// The proxy would call itself: an instance cannot be where the proxy listens already, and the proxy must not listen
    /// where an instance is.
    private mutating func noteInstances(_ accepted: inout AcceptedRoutes, held: Set<Int>) {
        for index in accepted.routes.routes.indices {
            let deployment = accepted.routes.routes[index].deployment
            for place in accepted.routes.routes[index].revisions.indices {
                let upstreams = accepted.routes.routes[index].revisions[place].upstreams
                for upstream in upstreams where upstream.host == Upstream.loopback {
                    if held.contains(upstream.port) {
                        accepted.refuse(
                            deployment,
                            "instance \(upstream.instance) is at port \(upstream.port), which is an endpoint: "
                                + "the proxy would call itself")
                    } else {
                        instances[upstream.port] = "instance \(upstream.instance) of \(deployment)"
                    }
                }
                accepted.routes.routes[index].revisions[place].upstreams.removeAll {
                    $0.host == Upstream.loopback && held.contains($0.port)
                }
            }
        }
    }

    /// - Returns: why it cannot have the port; nil where it can.
    private mutating func claim(_ port: Int, for owner: PortOwner) -> String? {
        let noun = owner.preview == nil ? "port" : "preview port"
        if !(1...65535).contains(port) { return "\(noun) \(port) is not between 1 and 65535" }
        if let other = taken[port] { return "\(noun) \(port) is taken by \(other): choose another" }
        if let instance = instances[port] {
            return "\(noun) \(port) is that of \(instance), and the proxy would call itself: choose another"
        }
        taken[port] = "\(owner)"
        return nil
    }
}

extension PortOwner: CustomStringConvertible {
    var description: String { preview.map { "the preview of \(deployment)'s \($0)" } ?? "\(deployment)" }
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
