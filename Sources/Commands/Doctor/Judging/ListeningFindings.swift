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
        if address.listen.isLoopback { return .ok(.apiExposure, "\(place): only this machine can reach it") }
        guard address.hasGivenToken else {
            return .problem(
                .apiExposure, "\(place), but the settings have no tokens: the controller refuses to start",
                "Add tokens to the settings, or listen on 127.0.0.1:\(address.listen.port)")
        }
        if address.hasTLS { return .ok(.apiExposure, "\(place), with TLS and tokens") }
        let message =
            "\(place) without TLS: others on the network can read and change its traffic"
        let advice =
            "Set certificateFile and keyFile under tls: in the settings, or listen on 127.0.0.1:\(address.listen.port)"
        return address.isInPod
            ? .warning(.apiExposure, message, "\(advice); in a cluster, restrict access with a NetworkPolicy")
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
            .ok(.apiAnonymous, "the API requires a token over the network")
        case .answered(let status) where (200..<300).contains(status):
            .problem(
                .apiAnonymous,
                "the API answers requests without a token (\(status)): it may be another program",
                "See which program listens there: ss -ltnp; mlctl's controller never answers like this")
        case .answered(let status):
            .notLookedAt(.apiAnonymous, "the API answered a request without a token with \(status)")
        case .silent(let reason):
            .warning(
                .apiAnonymous, "a controller runs, but its API does not answer: \(reason)",
                "Read its log: journalctl -u mlctl -n 100; then: systemctl restart mlctl (models keep serving)")
        }
    }
}
