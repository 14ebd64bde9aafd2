import ControlAPI

/// Checks who can reach the API, and whether its traffic is protected. Pure.
enum ListeningFindings {
    struct Address: Hashable, Sendable {
        var listen: ListenAddress
        var hasTLS: Bool
        /// The settings give a token to somebody.
        var hasGivenToken: Bool
        var isInPod: Bool
    }

    static func exposure(_ address: Address) -> Finding {
        let place = "the API listens on \(address.listen)"
        if address.listen.isLoopback { return .ok(.apiExposure, "\(place): from this machine alone") }
        guard address.hasGivenToken else {
            return .problem(
                .apiExposure, "\(place), and nobody was given a token: the controller refuses to start like that",
                "Name tokens in the settings, or listen on 127.0.0.1:\(address.listen.port)")
        }
        if address.hasTLS { return .ok(.apiExposure, "\(place), with TLS and tokens") }
        let message =
            "\(place) without TLS: what it says, and which tokens are at work, can be read and changed on the way"
        let advice =
            "Name certificateFile and keyFile under tls: in the settings, or listen on 127.0.0.1:\(address.listen.port)"
        return address.isInPod
            ? .warning(.apiExposure, message, "\(advice); in a cluster, a NetworkPolicy keeps others from it")
            : .problem(.apiExposure, message, advice)
    }

    /// The API's answer to a request without a token.
    enum Anonymous: Hashable, Sendable {
        case answered(status: Int)
        case silent(reason: String)
    }

    static func anonymous(_ answer: Anonymous) -> Finding {
        switch answer {
        case .answered(401), .answered(403):
            .ok(.apiAnonymous, "the API asks everybody who comes over the network for a token")
        case .answered(let status) where (200..<300).contains(status):
            .problem(
                .apiAnonymous,
                "the API shows deployments to somebody without a token (\(status)): it may be another program",
                "See who listens there: ss -ltnp; a controller of mlctl never answers so")
        case .answered(let status):
            .notLookedAt(.apiAnonymous, "the API answered \(status) to somebody without a token")
        case .silent(let reason):
            .warning(
                .apiAnonymous, "a controller runs, and its API does not answer: \(reason)",
                "See what it says: journalctl -u mlctl -n 100; then: systemctl restart mlctl (what serves goes on)")
        }
    }
}
