import CLinuxProcess

/// A TCP port that no other instance of the machine is given while this value lives.
///
/// The claim is an abstract unix socket named after the port: the kernel lets one process hold the name, and takes it
/// back when that process ends. The range lies outside the kernel's own (`ip_local_port_range`), so that no outgoing
/// connection of a stranger sits on a port between its choice and its use.
final class PortClaim: Sendable {
    static let range = 20_000...29_999

    let port: Int
    private let holder: Descriptor

    private init(port: Int, holder: Descriptor) {
        self.port = port
        self.holder = holder
    }

    /// Takes a free port, looking from a random place on, once around the range.
    /// - Parameter avoided: ports that somebody else is to have.
    static func claim(
        using generator: inout some RandomNumberGenerator, avoiding avoided: Set<Int> = []
    ) throws -> PortClaim {
        let offset = Int.random(in: 0..<range.count, using: &generator)
        for step in 0..<range.count {
            let port = range.lowerBound + (offset + step) % range.count
            if !avoided.contains(port), let claim = claim(port: port), clp_try_bind_tcp(UInt16(port)) == 0 {
                return claim
            }
        }
        throw LocalServingError(
            .noFreePort, "no port from \(range.lowerBound) to \(range.upperBound) is free. Stop what holds them.")
    }

    /// The very port, whether or not somebody listens on it: for a server that is adopted with it.
    static func claim(port: Int) -> PortClaim? {
        let raw = clp_claim_abstract_name("mlctl-port-\(port)")
        return raw >= 0 ? PortClaim(port: port, holder: Descriptor(raw)) : nil
    }

    /// Nobody listens there now.
    var canBeListenedOnAgain: Bool { clp_try_listen_again(UInt16(port)) == 0 }
}
