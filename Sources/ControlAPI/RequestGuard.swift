/// Who may ask for what, decided from the request's head alone.
///
/// With a token, everything but the probes and the git hook wants it. Without one the server is on a loopback address,
/// and what remains to keep out are web pages in a browser of this machine: by the Host header (DNS rebinding) and,
/// where something would change, by Origin and Sec-Fetch-Site (cross-site requests).
///
/// The git hook is open because git servers cannot send a bearer token; all that it does is to look at git, and looks
/// are merged and spaced (`GitHook`).
struct RequestGuard: Sendable {
    struct Head: Hashable, Sendable {
        var path: String
        /// GET or HEAD: changes nothing.
        var isRead: Bool
        /// The Host header.
        var authority: String?
        var authorization: String?
        var origin: String?
        var fetchSite: String?

        init(
            path: String, isRead: Bool = true, authority: String? = nil, authorization: String? = nil,
            origin: String? = nil, fetchSite: String? = nil
        ) {
            self.path = path
            self.isRead = isRead
            self.authority = authority
            self.authorization = authorization
            self.origin = origin
            self.fetchSite = fetchSite
        }
    }

    enum Refusal: Hashable, Sendable {
        case unauthorized(String)
        case forbidden(String)

        var message: String {
            switch self {
            case .unauthorized(let message), .forbidden(let message): message
            }
        }
    }

    let token: String?
    let listenHost: String

    /// Nil: go on.
    func refusal(of head: Head) -> Refusal? {
        if [APIPath.health, APIPath.readiness, APIPath.leading].contains(head.path) { return nil }
        if !head.isRead, let refusal = crossSiteRefusal(of: head) { return refusal }
        guard let token else { return hostRefusal(of: head) }
        if head.path == APIPath.gitHook { return nil }
        guard let authorization = head.authorization else {
            return .unauthorized("this controller wants a token: set --token or MLCTL_TOKEN")
        }
        let scheme = authorization.prefix(7)
        guard scheme.lowercased() == "bearer ", Self.areEqual(String(authorization.dropFirst(7)), token) else {
            return .unauthorized("the token is not this controller's: check --token or MLCTL_TOKEN")
        }
        return nil
    }

    private func hostRefusal(of head: Head) -> Refusal? {
        guard let authority = head.authority, !authority.isEmpty else {
            return .forbidden("the request has no Host header")
        }
        let host = Self.host(of: authority).lowercased()
        let known = ["localhost", "127.0.0.1", "::1", listenHost.lowercased()]
        if known.contains(host) { return nil }
        return .forbidden(
            "host '\(host)' is not this controller's address (a guard against DNS rebinding): "
                + "ask for 127.0.0.1, or run the controller with a token")
    }

    private func crossSiteRefusal(of head: Head) -> Refusal? {
        let message = "requests from other web sites are refused"
        if head.fetchSite == "cross-site" { return .forbidden(message) }
        guard let origin = head.origin else { return nil }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: true)
        guard parts.count == 2, let authority = head.authority, parts[1].lowercased() == authority.lowercased() else {
            return .forbidden(message)
        }
        return nil
    }

    /// `[::1]:8090` → `::1`, `localhost:8090` → `localhost`.
    static func host(of authority: String) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        return authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init)
            ?? authority
    }

    /// Takes as long for a wrong token as for the right one: it looks at every byte of what was given.
    static func areEqual(_ given: String, _ expected: String) -> Bool {
        let left = Array(given.utf8)
        let right = Array(expected.utf8)
        guard !right.isEmpty else { return false }
        var difference = left.count ^ right.count
        for index in left.indices { difference |= Int(left[index] ^ right[index % right.count]) }
        return difference == 0
    }
}
