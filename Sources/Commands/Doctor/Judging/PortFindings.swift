/// Checks that the needed ports are free. Pure.
enum PortFindings {
    enum Holder: Hashable, Sendable {
        case nobody
        /// The controller of this state folder, or its proxy.
        case ours
        /// A program that can be identified, described in words.
        case other(String)
        /// A program of another user.
        case unknown
    }

    /// - Parameter use: for example `the API (--listen)`.
    static func own(port: Int, use: String, holder: Holder) -> Finding {
        switch holder {
        case .nobody: .ok(.portOwn, "port \(port) for \(use) is free")
        case .ours: .ok(.portOwn, "port \(port) for \(use) is used by this controller")
        case .other(let words):
            .problem(
                .portOwn, "port \(port) for \(use) is used by \(words)",
                "See who has it: ss -ltnp 'sport = :\(port)'; then end that program, or choose another port")
        case .unknown:
            .problem(
                .portOwn, "port \(port) for \(use) is used by a program of another user",
                "See who has it: sudo ss -ltnp 'sport = :\(port)'; then end that program, or choose another port")
        }
    }

    private static let shown = 5

    /// - Parameters:
    ///   - looked: the number of checked ports.
    ///   - left: the number of ports that were not checked.
    ///   - taken: the ports that other programs use.
    ///   - knowsManifests: whether the ports of all manifests are included.
    static func endpoints(
        looked: Int, left: Int, taken: [(port: Int, holder: Holder)], knowsManifests: Bool
    ) -> [Finding] {
        guard looked > 0 else {
            return [
                knowsManifests
                    ? .notApplicable(.portEndpoints, "no policy and no manifest names a port of this machine")
                    : .notLookedAt(.portEndpoints, "the manifests could not be read, and no policy names a port")
            ]
        }
        var found = taken.prefix(shown).map { port, holder -> Finding in
            let words = if case .other(let words) = holder { words } else { "a program of another user" }
            return .problem(
                .portEndpoints, "port \(port), which endpoints may use, is used by \(words)",
                "See who has it: sudo ss -ltnp 'sport = :\(port)'; then end that program, or remove the port from endpointPorts"
            )
        }
        if taken.count > shown {
            found.append(
                .problem(
                    .portEndpoints,
                    "\(taken.count - shown) more ports that endpoints may use are used by other programs",
                    "See which programs: sudo ss -ltnp"))
        }
        if !knowsManifests {
            found.append(.notLookedAt(.portEndpoints, "ports in manifests: not all manifests could be read"))
        }
        if taken.isEmpty {
            found.append(.ok(.portEndpoints, "\(looked.counted("port")) for endpoints: free, or used by mlctl"))
        }
        if left > 0 {
            found.append(
                .notLookedAt(.portEndpoints, "\(left) more ports were not checked, because the policy names very many"))
        }
        return found
    }
}
