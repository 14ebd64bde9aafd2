import Foundation
import SafeText

/// A request to the API server, built without any I/O.
package struct APIRequest: Hashable, Sendable {
    package enum Method: String, Sendable {
        case get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE"
    }

    package var method: Method
    /// Absolute, without query.
    package var path: String
    /// In the order in which they are sent; the values are not percent-encoded yet.
    package var query: [Parameter]
    package var contentType: String?
    package var accept: String
    package var body: Data?
    /// Whether the answer is a list of objects.
    package var answersWithList = false

    package struct Parameter: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(
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
    package var target: String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { "\(Escape.uriPart($0.name))=\(Escape.uriPart($0.value))" }.joined(separator: "&")
    }
}
