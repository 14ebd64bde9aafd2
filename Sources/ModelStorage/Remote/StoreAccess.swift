import Foundation

/// How a store is asked: who asks, what else is said, and what its refusals mean.
struct StoreAccess: Sendable {
    static let anonymous = StoreAccess()

    /// Called before each request to the store's own server, so that keys that expire are renewed.
    var authorize: @Sendable () async throws -> WebAuthorization? = { nil }
    /// The error that an answer means; nil leaves the answer to `TransferPlan`.
    var explain: @Sendable (ResponseHead) -> (any Error)? = { _ in nil }
    var fields: [WebField] = []
    /// Nil for a GET, or a POST with a form.
    var method: String?
}

/// Proves to a server who asks. Its texts never show it.
enum WebAuthorization: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// AWS Signature Version 4, for S3.
    case signed(AWSKeys, region: String)
    /// Azure's Shared Key.
    case azure(AzureKey)
    case bearer(String)
    /// The whole value of the field `Authorization`.
    case header(String)

    static func basic(user: String, password: String) -> WebAuthorization {
        .header("Basic \(Data("\(user):\(password)".utf8).base64EncodedString())")
    }

    var description: String { "an authorization" }
    var debugDescription: String { description }
}

struct WebField: Hashable, Sendable {
    var name: String
    var value: String
}

/// The body of a POST, `application/x-www-form-urlencoded`. Its texts never show it.
struct WebForm: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    let text: String

    init(_ fields: KeyValuePairs<String, String>) {
        text = fields.map { "\(PercentEncoding.strict($0))=\(PercentEncoding.strict($1))" }.joined(separator: "&")
    }

    var description: String { "a form" }
    var debugDescription: String { description }
}

enum PercentEncoding {
    /// Escapes every byte except RFC 3986's unreserved characters. This is the canonical form of AWS signatures.
    static func strict(_ text: String, keeping kept: String = "") -> String {
        let kept = Set(kept.utf8)
        return text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            case _ where kept.contains(byte): result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                result += hex.utf8.count == 1 ? "%0\(hex)" : "%\(hex)"
            }
        }
    }
}
