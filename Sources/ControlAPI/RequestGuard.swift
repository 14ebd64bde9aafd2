/// Decides from a request's head whether it is open, needs a caller, or is always refused.
///
/// Everything except the probes, the git hook and the dashboard's sign-in page needs a caller. On a loopback address without shared tokens, web pages in a
/// browser on this machine are kept out as well: the Host header must match (DNS rebinding). For requests that change something,
/// Origin and Sec-Fetch-Site are checked too (cross-site requests).
///
/// The git hook is open because git servers cannot send a bearer token. All it does is to check git, and checks are merged and
/// spaced (`GitHook`).
struct RequestGuard: Sendable {
    struct Head: Hashable, Sendable {
        var path: String
        /// GET or HEAD: it changes nothing.
        var isRead: Bool
        /// The Host header.
        var authority: String?
        var origin: String?
        var fetchSite: String?

        init(
            path: String, isRead: Bool = true, authority: String? = nil, origin: String? = nil, fetchSite: String? = nil
        ) {
            self.path = path
            self.isRead = isRead
            self.authority = authority
            self.origin = origin
            self.fetchSite = fetchSite
        }
    }

    /// Whether the request may come in without a verified caller.
    enum Admission: Hashable, Sendable {
        case open
        case wantsCaller
        case closed(String)
    }

    /// A host that is allowed in the Host header, in addition to this machine's own names; nil allows any host.
    let listenHost: String?

    func door(of head: Head) -> Admission {
        if head.isRead, [APIPath.health, APIPath.readiness, APIPath.leading].contains(head.path) { return .open }
        if !head.isRead, isCrossSite(head) { return .closed("requests from other web sites are refused") }
        if let refusal = hostRefusal(of: head) { return .closed(refusal) }
        if BrowserPath.isOpen(head.path, isRead: head.isRead) { return .open }
        return !head.isRead && head.path == APIPath.gitHook ? .open : .wantsCaller
    }

    private func hostRefusal(of head: Head) -> String? {
        guard let listenHost else { return nil }
        guard let authority = head.authority, !authority.isEmpty else { return "the request has no Host header" }
        let host = Self.host(of: authority).lowercased()
        let known = ["localhost", "127.0.0.1", "::1", listenHost.lowercased()]
        if known.contains(host) { return nil }
        return "host '\(host)' is not this controller's address (a guard against DNS rebinding): "
            + "use 127.0.0.1, or give the controller a token in its settings"
    }

    private func isCrossSite(_ head: Head) -> Bool {
        if head.fetchSite == "cross-site" { return true }
        guard let origin = head.origin else { return false }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: true)
        guard parts.count == 2, let authority = head.authority else { return true }
        return parts[1].lowercased() != authority.lowercased()
    }

    /// `[::1]:8090` gives `::1`, `localhost:8090` gives `localhost`.
    static func host(of authority: String) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        return authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init)
            ?? authority
    }
}
