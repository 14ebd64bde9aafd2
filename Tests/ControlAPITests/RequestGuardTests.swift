import Testing

@testable import ControlAPI

@Suite struct RequestGuardTests {
    private typealias Head = RequestGuard.Head
    private let open = RequestGuard(token: nil, listenHost: "127.0.0.2")
    private let closed = RequestGuard(token: "s3cret", listenHost: "0.0.0.0")

    @Test(
        "without a token, this machine's own names are welcome",
        arguments: [
            "127.0.0.1:8090", "localhost", "LOCALHOST:1", "[::1]:8090", "127.0.0.2:8090",
        ])
    func ownNames(authority: String) {
        #expect(open.refusal(of: Head(path: "/metrics", authority: authority)) == nil)
    }

    @Test(
        "without a token, other names are refused: DNS rebinding",
        arguments: [
            "evil.example:8090", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.:8090x",
        ])
    func otherNames(authority: String) {
        #expect(open.refusal(of: Head(path: "/metrics", authority: authority)) != nil)
        #expect(open.refusal(of: Head(path: "/metrics", authority: nil)) != nil)
    }

    @Test("with a token, the name does not matter and the token does")
    func token() {
        #expect(closed.refusal(of: Head(path: "/", authority: "ml.example", authorization: "Bearer s3cret")) == nil)
        #expect(closed.refusal(of: Head(path: "/", authority: "ml.example", authorization: "bearer s3cret")) == nil)
        for wrong in [nil, "", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Bearer s3creT", "Basic s3cret", "s3cret"]
            as [String?]
        {
            #expect(closed.refusal(of: Head(path: "/", authority: "ml.example", authorization: wrong)) != nil)
        }
    }

    @Test("probes are open, and so is the git hook where a token guards the rest")
    func openPaths() {
        #expect(closed.refusal(of: Head(path: "/healthz", authority: "10.0.0.1")) == nil)
        #expect(closed.refusal(of: Head(path: "/readyz", authority: nil)) == nil)
        #expect(closed.refusal(of: Head(path: "/api/v1/hooks/git", isRead: false, authority: "ml.example")) == nil)
        #expect(open.refusal(of: Head(path: "/api/v1/hooks/git", isRead: false, authority: "ml.example")) != nil)
    }

    @Test(
        "what another web site sends may change nothing",
        arguments: [
            ("http://evil.example", nil), ("null", nil), ("http://127.0.0.1:9999", nil), (nil, "cross-site"),
            ("127.0.0.1:8090", nil),
        ] as [(String?, String?)])
    func crossSite(origin: String?, fetchSite: String?) {
        let head = Head(
            path: "/api/v1/sync", isRead: false, authority: "127.0.0.1:8090", origin: origin, fetchSite: fetchSite)
        #expect(open.refusal(of: head) != nil)
    }

    @Test("the own page may")
    func sameSite() {
        let head = Head(
            path: "/api/v1/sync", isRead: false, authority: "127.0.0.1:8090", origin: "http://127.0.0.1:8090",
            fetchSite: "same-origin")
        #expect(open.refusal(of: head) == nil)
    }
}
