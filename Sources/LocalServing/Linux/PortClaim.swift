import CLinuxProcess

/// A TCP port that no other instance on this machine gets while this value exists.
///
/// The claim is an abstract Unix socket named after the port: the kernel lets only one process hold the name, and releases it
/// when that process ends. The range is outside the kernel's ephemeral range (`ip_local_port_range`), so that no outgoing
/// connection of another program takes the port between its choice and its use.
final class PortClaim: Sendable {
    static let range = 20_000...29_999

    let port: Int
    private let holder: Descriptor

    private init(port: Int, holder: Descriptor) {
        self.port = port
        self.holder = holder
    }

    /// Claims a free port. The search starts at a random port and goes once around the range.
    /// - Parameter avoided: ports that are reserved for others.
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

    /// Claims exactly this port, whether or not somebody listens on it: for an adopted server.
    static func claim(port: Int) -> PortClaim? {
        let raw = clp_claim_abstract_name("mlctl-port-\(port)")
        return raw >= 0 ? PortClaim(port: port, holder: Descriptor(raw)) : nil
    }

    /// Whether a server could listen on the port now.
    var canBeListenedOnAgain: Bool { clp_try_listen_again(UInt16(port)) == 0 }
}
