import Foundation

/// An error of the API server, or the reason why it could not be reached.
package struct APIError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// A `Status` object, or what its HTTP code says: `NotFound`, `Conflict`, `AlreadyExists`, `Expired`, `Forbidden`.
        case status(code: Int, reason: String)
        /// No answer: the connection was refused, reset, timed out or not trusted.
        case transport
        /// There are no usable credentials: an exec plugin, a token file or a certificate failed.
        case credentials
        /// The answer does not follow the API conventions.
        case malformed
    }

    /// How the caller may retry.
    package enum Retry: Hashable, Sendable {
        /// Back off and retry, not before `after` if the server gave it.
        case transient(after: Duration?)
        /// Another writer changed the object: read it again and decide again.
        case conflict
        /// Something outside must change first: a permission, a certificate, a missing definition, a quota.
        case waiting
        /// The same request cannot succeed.
        case terminal
    }

    package var reason: Reason
    /// What is wrong and what to do, for people. Holds no credential.
    package var message: String
    /// The request that failed: `PATCH /apis/…`.
    package var request: String?
    /// For a 409 of server-side apply: who owns which field; for a 422: which field is wrong.
    package var causes: [Cause]
    package var retryAfter: Duration?

    package struct Cause: Hashable, Codable, Sendable {
        package var reason: String?
        package var message: String?
        package var field: String?

        package init(reason: String? = nil, message: String? = nil, field: String? = nil) {
            self.reason = reason
            self.message = message
            self.field = field
        }
    }

    package init(
        _ reason: Reason, message: String, request: String? = nil, causes: [Cause] = [], retryAfter: Duration? = nil
    ) {
        self.reason = reason
        self.message = message
        self.request = request
        self.causes = causes
        self.retryAfter = retryAfter
    }

    package var description: String { request.map { "\($0): \(message)" } ?? message }

    package var statusCode: Int? {
        if case .status(let code, _) = reason { code } else { nil }
    }

    package var isNotFound: Bool { statusCode == 404 }
    /// A 404 for the type, not for an object: its definition is not installed.
    package var isMissingResource: Bool {
        isNotFound && message.hasPrefix("the server could not find the requested resource")
    }
    /// The object is larger than the server accepts or stores.
    package var isTooLarge: Bool {
        statusCode == 413 || message.contains("request is too large")
            || message.contains("annotations: Too long")
    }
    /// The namespace is being deleted: nothing can be created in it any more, only changed and deleted.
    package var isNamespaceTerminating: Bool {
        causes.contains { $0.reason == "NamespaceTerminating" }
            || reason == .status(code: 409, reason: "NamespaceTerminating")
    }
    /// The server answered and refused the request: the same request does not succeed soon.
    package var isRefusal: Bool { statusCode.map { (400..<500).contains($0) && $0 != 408 && $0 != 429 } ?? false }
    package var isConflict: Bool { statusCode == 409 }
    /// The resource version is too old to watch or page from: list again.
    package var isExpired: Bool { statusCode == 410 }

    package var retry: Retry {
        switch reason {
        case .transport: .transient(after: retryAfter)
        case .credentials: .waiting
        case .malformed: .terminal
        case .status(409, "AlreadyExists"), .status(409, "Conflict"): .conflict
        case .status(let code, let reason):
            switch code {
            case 401, 403, 404: .waiting
            // An admission webhook refused this request. Its rules may change.
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

    /// The error for an answer with `code`. The body is a `Status` if the API server itself wrote it.
    /// - Parameter retryAfterSeconds: from the `Retry-After` header.
    package static func answer(code: Int, body: Data, request: APIRequest, retryAfterSeconds: Int? = nil) -> APIError {
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

    /// The error for a `Status` in the middle of a watch.
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

    /// What to do about the error, if that is known.
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

/// A field that a server-side apply without force cannot set, because another manager owns it.
package struct FieldConflict: Hashable, Sendable, CustomStringConvertible {
    /// `.spec.replicas`
    package var field: String
    /// `kubectl-edit`; nil if the server did not name it.
    package var manager: String?

    package init(field: String, manager: String?) {
        self.field = field
        self.manager = manager
    }

    package var description: String { "\(field) is owned by \(manager ?? "another manager")" }
}

extension APIError {
    /// The contested fields and their managers, from a 409 of server-side apply. Empty for any other error.
    package var fieldConflicts: [FieldConflict] {
        causes.compactMap { cause in
            guard cause.reason == "FieldManagerConflict" else { return nil }
            // `conflict with "kubectl-edit" using apps/v1`: the manager's name is only in this text.
            let quoted = cause.message?.split(separator: "\"", omittingEmptySubsequences: false) ?? []
            return FieldConflict(
                field: cause.field ?? "a field", manager: quoted.count >= 3 ? String(quoted[1]) : nil)
        }
    }
}
