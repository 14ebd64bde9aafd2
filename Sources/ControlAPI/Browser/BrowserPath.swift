/// The addresses of the dashboard.
enum BrowserPath {
    static let fleet = "/"
    static let deployments = "/deployments"
    static let login = "/login"
    static let logout = "/logout"
    static let assets = "/assets/"

    /// Whether it is a page, or a form of a page, for which a browser has to be signed in.
    static func isPage(_ path: String) -> Bool {
        path == fleet || path == logout || path == deployments || path.hasPrefix(deployments + "/")
    }

    /// Whether everybody may ask for it: the login page, and the files that it loads.
    static func isOpen(_ path: String, isRead: Bool) -> Bool { path == login || isRead && path.hasPrefix(assets) }

    /// Whether a standby controller answers it itself: sessions belong to one controller.
    static func isOwn(_ path: String) -> Bool {
        isPage(path) || isOpen(path, isRead: true) || path == APIPath.dashboardLink
    }

    /// The page to go to after a sign-in, relative to the first page; the first page for anything else. So a link cannot lead to
    /// another site.
    static func next(_ text: String?) -> String {
        guard let text, text.utf8.count <= 500, text.hasPrefix("deployments/") || text.hasPrefix("?"),
            text.utf8.allSatisfy(isPlain), !text.contains("//"), !text.contains("..")
        else { return "" }
        return text
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~/?&=%+".utf8.contains(byte)
        }
    }
}
