import Foundation

/// What the API server refused, or why it could not be asked.
public struct APIError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// A `Status` object, or what its HTTP code says: `NotFound`, `Conflict`, `AlreadyExists`, `Expired`, `Forbidden`.
        case status(code: Int, reason: String)
        /// No answer: refused, reset, timed out, not trusted.
        case transport
        /// The credentials could not be had: an exec plugin, a token file, a certificate.
        case credentials
        /// An answer that is not what the API conventions promise.
        case malformed
    }

    /// What may be done next.
    public enum Retry: Hashable, Sendable {
        /// Back off and ask again; not before `after`, where the server said so.
        case transient(after: Duration?)
        /// Somebody wrote in between: read again, decide again.
        case conflict
        /// Something outside must change first: permission, a certificate, a missing definition, a quota.
        case waiting
        /// Asking the same again cannot help.
        case terminal
    }

    public var reason: Reason
    /// What is wrong and what to do, for people. Holds no credential.
    public var message: String
    /// `PATCH /apis/…`: what was asked.
    public var request: String?
    /// Of a 409 of server-side apply: who owns which field; of a 422: which field is wrong.
    public var causes: [Cause]
    public var retryAfter: Duration?

    public struct Cause: Hashable, Codable, Sendable {
        public var reason: String?
        public var message: String?
        public var field: String?

        public init(reason: String? = nil, message: String? = nil, field: String? = nil) {
            self.reason = reason
            self.message = message
            self.field = field
        }
    }

    public init(
        _ reason: Reason, message: String, request: String? = nil, causes: [Cause] = [], retryAfter: Duration? = nil
    ) {
        self.reason = reason
        self.message = message
        self.request = request
        self.causes = causes
        self.retryAfter = retryAfter
    }

    public var description: String { request.map { "\($0): \(message)" } ?? message }

    public var statusCode: Int? {
        if case .status(let code, _) = reason { code } else { nil }
    }

    public var isNotFound: Bool { statusCode == 404 }
    /// A 404 for the type, not for an object: its definition is not installed.
    public var isMissingResource: Bool {
        isNotFound && message.hasPrefix("the server could not find the requested resource")
    }
    /// What was written is more than the server takes, or keeps.
    public var isTooLarge: Bool {
        statusCode == 413 || message.contains("request is too large")
            || message.contains("annotations: Too long")
    }
    /// Nothing can be made there any more, only changed and deleted.
    public var isNamespaceTerminating: Bool {
        causes.contains { $0.reason == "NamespaceTerminating" }
            || reason == .status(code: 409, reason: "NamespaceTerminating")
    }
    /// The server answered, and said no: asking the same again soon is of no use.
    public var isRefusal: Bool { statusCode.map { (400..<500).contains($0) && $0 != 408 && $0 != 429 } ?? false }
    public var isConflict: Bool { statusCode == 409 }
    /// The resource version is too old to watch or page from: list again.
    public var isExpired: Bool { statusCode == 410 }

    public var retry: Retry {
        switch reason {
        case .transport: .transient(after: retryAfter)
        case .credentials: .waiting
        case .malformed: .terminal
        case .status(409, "AlreadyExists"), .status(409, "Conflict"): .conflict
        case .status(let code, let reason):
            switch code {
            case 401, 403, 404: .waiting
            // A webhook says no to what was sent now; its rules may change.
            case 400 where message.contains("admission webhook"): .waiting
            case 500 where isTooLarge: .terminal
            case 408, 429, 500...599: .transient(after: retryAfter)
            case 409: reason == "NamespaceTerminating" ? .waiting : .conflict
            case 410: .transient(after: nil)
            default: .terminal
            }
        }
    }
}

extension APIError {
    private struct Status: Decodable {
        struct Details: Decodable {
            var retryAfterSeconds: Int?
            var causes: [Cause]?
        }

        var message: String?
        var reason: String?
        var code: Int?
        var details: Details?
    }

    /// The error that an answer with `code` is; the body is a `Status` where the server made it.
    /// - Parameter retryAfterSeconds: of the `Retry-After` field.
    public static func answer(code: Int, body: Data, request: APIRequest, retryAfterSeconds: Int? = nil) -> APIError {
        let status = try? JSONDecoder().decode(Status.self, from: body)
        let text = String(decoding: body.prefix(maximumTextBytes), as: UTF8.self)
        var error = APIError(
            .status(code: status?.code ?? code, reason: status?.reason ?? ""),
            message: status?.message ?? (code == 404 ? missingResource : nil)
                ?? "HTTP \(code)\(text.isEmpty ? "" : ": \(text)")",
            request: "\(request.method.rawValue) \(request.path)", causes: status?.details?.causes ?? [],
            retryAfter: (retryAfterSeconds ?? status?.details?.retryAfterSeconds).map { .seconds($0) })
        if let advice = error.advice { error.message += advice }
        return error
    }

    /// Of a `Status` that came in the middle of a watch.
    static func event(_ status: Data, request: String) -> APIError {
        let read = try? JSONDecoder().decode(Status.self, from: status)
        return APIError(
            .status(code: read?.code ?? 500, reason: read?.reason ?? ""),
            message: read?.message ?? "the watch was ended without a reason", request: request,
            causes: read?.details?.causes ?? [],
            retryAfter: read?.details?.retryAfterSeconds.map { .seconds($0) })
    }

    private static let maximumTextBytes = 400
    private static let missingResource = "the server could not find the requested resource"

    /// What to do about it, where that is known.
    private var advice: String? {
        if isMissingResource {
            return ": its kind is not installed in this cluster, or not in this version. Install its definition (for "
                + "mlctl's own: `mlctl schema --crd | kubectl apply --server-side -f -`)."
        }
        let contested = fieldConflicts
        if !contested.isEmpty {
            return ". " + contested.map(\.description).joined(separator: "; ")
                + ". Let that manager give the field up, or apply with force."
        }
        return switch statusCode {
        case 401:
            ": the credentials are not accepted. They may have expired: check the user of this context, or log in again."
        default: nil
        }
    }
}
