import Foundation
import SafeText

/// A request to the API server, whole, without any I/O.
public struct APIRequest: Hashable, Sendable {
    public enum Method: String, Sendable {
        case get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE"
    }

    public var method: Method
    /// Absolute, without query.
    public var path: String
    /// In the order in which they are written; values are not percent-encoded yet.
    public var query: [Parameter]
    public var contentType: String?
    public var accept: String
    public var body: Data?
    /// The answer holds objects of a type, not one object.
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

    /// Path and query as they go over the wire (RFC 3986: all but unreserved characters are encoded in values).
    public var target: String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { "\(Escape.uriPart($0.name))=\(Escape.uriPart($0.value))" }.joined(separator: "&")
    }
}
