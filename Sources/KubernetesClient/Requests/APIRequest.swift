import Foundation
import SafeText

/// A request to the API server, built without any I/O.
public struct APIRequest: Hashable, Sendable {
    public enum Method: String, Sendable {
        case get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE"
    }

    public var method: Method
    /// Absolute, without query.
    public var path: String
    /// In the order in which they are sent; the values are not percent-encoded yet.
    public var query: [Parameter]
    public var contentType: String?
    public var accept: String
    public var body: Data?
    /// Whether the answer is a list of objects.
    public var answersWithList = false

    public struct Parameter: Hashable, Sendable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(
        _ method: Method, _ path: String, query: [Parameter] = [], contentType: String? = nil,
        accept: String = "application/json", body: Data? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.contentType = contentType
        self.accept = accept
        self.body = body
    }

    /// Path and query as they are sent (RFC 3986: in values all but unreserved characters are encoded).
    public var target: String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { "\(Escape.uriPart($0.name))=\(Escape.uriPart($0.value))" }.joined(separator: "&")
    }
}
