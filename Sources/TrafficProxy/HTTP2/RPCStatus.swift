/// How a gRPC call ended (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
enum RPCStatus: Int, Hashable, Sendable, CaseIterable {
    case ok = 0, cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
    case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable, dataLoss
    case unauthenticated

    /// The server failed: it counts as 5xx does in HTTP.
    var isError: Bool {
        switch self {
        case .unknown, .deadlineExceeded, .resourceExhausted, .internal, .unavailable, .dataLoss: true
        default: false
        }
    }

    /// The server refused what the client asked: it counts as 4xx does in HTTP.
    var isRejection: Bool { self != .ok && !isError }

    /// The value of `grpc-status`. A value that gRPC does not define is `unknown`, as clients read it.
    init(field: String) {
        guard (1...2).contains(field.utf8.count), field.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let code = Int(field), let status = RPCStatus(rawValue: code)
        else {
            self = .unknown
            return
        }
        self = status
    }

    /// The status of a call whose answer has none (https://grpc.github.io/grpc/core/md_doc_http-grpc-status-mapping.html).
    init(httpStatus: Int) {
        self =
            switch httpStatus {
            case 400: .internal
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .unimplemented
            case 429, 502, 503, 504: .unavailable
            default: .unknown
            }
    }

    /// The status of an answer of the proxy itself, which has the status that it would have by HTTP.
    init(ownReply httpStatus: Int) {
        self =
            switch httpStatus {
            case 400, 405: .internal
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 408, 504: .deadlineExceeded
            case 413, 414, 429, 431: .resourceExhausted
            case 501: .unimplemented
            default: .unavailable
            }
    }

    /// The status of a call whose stream the server reset, by HTTP/2's error code
    /// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
    init(reset code: Int) {
        self =
            switch code {
            case 7: .unavailable  // REFUSED_STREAM
            case 8: .cancelled  // CANCEL
            case 11: .resourceExhausted  // ENHANCE_YOUR_CALM
            case 12: .permissionDenied  // INADEQUATE_SECURITY
            default: .internal
            }
    }

    /// `grpc-message`: all bytes but printable ASCII are percent-encoded.
    static func message(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            if (0x20...0x7e).contains(byte), byte != 0x25 {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
