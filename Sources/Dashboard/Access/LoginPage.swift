/// The page that takes a token, or a code from `mlctl dashboard`.
package struct LoginPage: Sendable {
    var isByCode: Bool
    var code: String?
    /// The page to go to afterwards, from the dashboard's first page.
    var next: String
    /// Why the last attempt failed.
    var refusal: String?
    /// The connection is not encrypted, and not on this machine.
    var isExposed: Bool

    package init(code: String? = nil, next: String, refusal: String? = nil, isExposed: Bool) {
        isByCode = code != nil
        self.code = code
        self.next = next
        self.refusal = refusal
        self.isExposed = isExposed
    }
}

/// A page with one message: an error, or what to do next.
package struct MessagePage: Sendable {
    var title: String
    var text: String
    var links: [Link]
    /// The page is loaded again at once, from the same site: a browser then sends the cookie.
    var reloads: String?

    package struct Link: Sendable {
        var words: String
        var address: String

        package init(_ words: String, to address: String) {
            self.words = words
            self.address = address
        }
    }

    package init(title: String, text: String, links: [Link] = [], reloads: String? = nil) {
        self.title = title
        self.text = text
        self.links = links
        self.reloads = reloads
    }
}
