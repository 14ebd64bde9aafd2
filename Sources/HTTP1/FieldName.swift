/// The header fields that a proxy handles. All others pass unchanged.
package enum FieldName: UInt8, Sendable {
    case other
    case host, contentLength, transferEncoding, expect, cookie
    case connection, keepAlive, proxyConnection, te, upgrade, http2Settings
    case forwardedFor, requestId, mintedRequestId, revision, idempotencyKey, synthetic

    /// Fields that apply to one connection only (RFC 9110, section 7.6.1).
    @inlinable package var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyConnection, .te, .upgrade, .http2Settings: true
        default: false
        }
    }

    package init(_ bytes: UnsafePointer<UInt8>, count: Int) {
        func matches(_ name: StaticString) -> Bool {
            let wanted = name.utf8Start
            // Setting bit 5 makes letters lower case, and does not change the other characters of these names.
            for index in 0..<count where bytes[index] | 0x20 != wanted[index] { return false }
            return true
        }
        self = .other
        switch count {
        case 2: if matches("te") { self = .te }
        case 4: if matches("host") { self = .host }
        case 6: if matches("cookie") { self = .cookie } else if matches("expect") { self = .expect }
        case 7: if matches("upgrade") { self = .upgrade }
        case 10: if matches("connection") { self = .connection } else if matches("keep-alive") { self = .keepAlive }
        case 12: if matches("x-request-id") { self = .requestId }
        case 14:
            if matches("content-length") {
                self = .contentLength
            } else if matches("http2-settings") {
                self = .http2Settings
            }
        case 15:
            if matches("x-forwarded-for") {
                self = .forwardedFor
            } else if matches("idempotency-key") {
                self = .idempotencyKey
            }
        case 16:
            if matches("proxy-connection") {
                self = .proxyConnection
            } else if matches("x-mlctl-revision") {
                self = .revision
            }
        case 17:
            if matches("transfer-encoding") {
                self = .transferEncoding
            } else if matches("x-mlctl-synthetic") {
                self = .synthetic
            }
        case 18: if matches("x-mlctl-request-id") { self = .mintedRequestId }
        default: break
        }
    }
}

/// The position of one header field in its head. Offsets are bytes from the head's start.
package struct FieldSpan: Hashable, Sendable {
    package var name: FieldName
    package var start: Int
    package var valueStart: Int
    /// Without surrounding white space.
    package var valueEnd: Int
    /// After the line's CR LF.
    package var end: Int
}
