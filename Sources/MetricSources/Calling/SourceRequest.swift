import Foundation

/// A call to a source, whole, before it is sent.
struct SourceRequest: Hashable, Sendable {
    struct Header: Hashable, Sendable {
        var name: String
        var value: String
    }

    enum Method: String, Sendable { case get = "GET", post = "POST" }

    var method = Method.get
    var url: String
    /// In the order in which they are sent.
    var headers: [Header] = []
    var body: String?
}

/// What a source answered.
struct SourceResponse: Hashable, Sendable {
    var status: Int
    var body: Data
    /// The `Date` field: what the source's clock says, as it is written.
    var date: String?

    /// Why it is no answer, by its status alone; nil for success.
    ///
    /// - Parameter address: for people.
    func refusal(by address: String) -> SourceError? {
        switch status {
        case 200..<300: nil
        case 300..<400:
            SourceError(
                .refused,
                "\(address) redirects (\(status)): redirects are not followed, so that no credentials leave. "
                    + "Give the final address in the source's url.")
        case 401:
            SourceError(
                .refused,
                "\(address) asks for credentials that it accepts (401): check the token, password or headers of the "
                    + "source in the controller's settings.")
        case 403:
            SourceError(
                .refused,
                "\(address) knows the credentials and does not allow this (403): give them the right to read.")
        case 404: SourceError(.refused, "\(address) does not exist (404): check the path in the source's url.")
        default: SourceError(.unreachable, "\(address) answered \(status).")
        }
    }
}
