import Testing

@testable import ControlAPI

@Suite struct RequestGuardTests {
    private typealias Head = RequestGuard.Head
    /// On loopback, without shared tokens.
    private let own = RequestGuard(listenHost: "127.0.0.2")
    /// With shared tokens.
    private let shared = RequestGuard(listenHost: nil)

    @Test(
        "this machine's own names are allowed, and need a caller",
        arguments: ["127.0.0.1:8090", "localhost", "LOCALHOST:1", "[::1]:8090", "127.0.0.2:8090"])
    func ownNames(authority: String) {
        #expect(own.door(of: Head(path: "/metrics", authority: authority)) == .wantsCaller)
    }

    @Test(
        "other names are refused if there is no shared token: DNS rebinding",
        arguments: ["evil.example:8090", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.:8090x", nil])
    func otherNames(authority: String?) {
        guard case .closed = own.door(of: Head(path: "/metrics", authority: authority)) else {
            Issue.record("it is open")
            return
        }
        #expect(shared.door(of: Head(path: "/metrics", authority: authority)) == .wantsCaller)
    }

    @Test("the dashboard's sign-in page and its files are open, on this controller's own address only")
    func signIn() {
        for path in ["/login", "/assets/dashboard.css"] {
            #expect(own.door(of: Head(path: path, authority: "127.0.0.1")) == .open)
            #expect(own.door(of: Head(path: path, authority: "evil.example")) != .open)
        }
        #expect(own.door(of: Head(path: "/login", isRead: false, authority: "127.0.0.1")) == .open)
        let foreign = Head(path: "/login", isRead: false, authority: "127.0.0.1", origin: "http://evil.example")
        #expect(shared.door(of: foreign) == .closed("requests from other web sites are refused"))
        for path in ["/assets/x", "/login/", "/logout", "/deployments/a/b"] {
            #expect(own.door(of: Head(path: path, isRead: false, authority: "127.0.0.1")) == .wantsCaller, "\(path)")
        }
    }

    @Test("the probes are open for reading, and the git hook for writing; nothing else is")
    func openPaths() {
        for path in ["/healthz", "/readyz", "/leadz"] {
            #expect(own.door(of: Head(path: path, authority: "10.0.0.1")) == .open)
            #expect(own.door(of: Head(path: path, isRead: false, authority: "127.0.0.1")) == .wantsCaller)
        }
        let hook = Head(path: "/api/v1/hooks/git", isRead: false, authority: "127.0.0.1")
        #expect(own.door(of: hook) == .open && shared.door(of: hook) == .open)
        for path in [
            "/", "/metrics", "/api/v1/targets", "/api/v1/deployments", "/api/v1/hooks/git/", "/api/v1/hooks/git/..",
            "/healthz/", "//healthz", "/healthz/../metrics", "/HEALTHZ", "/api/v1/challenge",
        ] {
            #expect(own.door(of: Head(path: path, authority: "127.0.0.1")) == .wantsCaller, "\(path)")
            #expect(own.door(of: Head(path: path, isRead: false, authority: "127.0.0.1")) == .wantsCaller, "\(path)")
        }
        #expect(own.door(of: Head(path: "/api/v1/hooks/git", authority: "127.0.0.1")) == .wantsCaller)
    }

    @Test(
        "a request from another web site changes nothing, and does not make the controller check git",
        arguments: [
            ("http://evil.example", nil), ("null", nil), ("http://127.0.0.1:9999", nil), (nil, "cross-site"),
            ("127.0.0.1:8090", nil),
        ] as [(String?, String?)])
    func crossSite(origin: String?, fetchSite: String?) {
        for path in ["/api/v1/sync", "/api/v1/hooks/git"] {
            let head = Head(
                path: path, isRead: false, authority: "127.0.0.1:8090", origin: origin, fetchSite: fetchSite)
            for door in [own.door(of: head), shared.door(of: head)] {
                #expect(door == .closed("requests from other web sites are refused"))
            }
        }
    }

    @Test("a page of the controller's own address is allowed")
    func sameSite() {
        let head = Head(
            path: "/api/v1/sync", isRead: false, authority: "127.0.0.1:8090", origin: "http://127.0.0.1:8090",
            fetchSite: "same-origin")
        #expect(own.door(of: head) == .wantsCaller)
    }
}
