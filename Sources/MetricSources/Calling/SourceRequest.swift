import Foundation

/// A complete call to a source, before it is sent.
struct SourceRequest: Hashable, Sendable {
    struct Header: Hashable, Sendable {
        var name: String
        var value: String
    }

    enum Method: String, Sendable { case get = "GET", post = "POST" }

    var method = Method.get
    var url: String
    /// In the order of sending.
    var headers: [Header] = []
    var body: String?
}

/// A source's answer to one call.
struct SourceResponse: Hashable, Sendable {
    var status: Int
    var body: Data
    /// The `Date` header as written: the time of the source's clock.
    var date: String?

    /// The error that the status code stands for; nil for success.
    ///
    /// - Parameter address: the source's address, for the message.
    func refusal(by address: String) -> SourceError? {
        switch status {
        case 200..<300: nil
        case 300..<400:
            SourceError(
                .refused,
                "\(address) redirects (\(status)): redirects are not followed, to keep credentials on one server. "
                    + "Use the final address as the source's url.")
        case 401:
            SourceError(
                .refused,
                "\(address) does not accept the credentials (401): check the token, password or headers of the "
                    + "source in the controller's settings.")
        case 403:
            SourceError(
                .refused,
                "\(address) does not allow this with these credentials (403): grant them the right to read.")
        case 404: SourceError(.refused, "\(address) does not exist (404): check the path in the source's url.")
        default: SourceError(.unreachable, "\(address) answered \(status).")
        }
    }
}
