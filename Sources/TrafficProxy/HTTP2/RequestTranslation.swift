import HTTP1
import NIOCore
import NIOHPACK

/// Turns the fields of an HTTP/2 request into the head of an HTTP/1.1 request. Pure.
///
/// # Guarantees
/// - The head has exactly one request, one Host and one framing: nothing in a field can end a line or begin a body.
/// - Fields of one connection, which HTTP/2 does not have, are refused and not removed.
enum RequestTranslation {
    /// How the body is framed in HTTP/1.1.
    enum Framing: Hashable, Sendable {
        case none
        case length(Int)
        case chunked
    }

    struct Head: Hashable, Sendable {
        var framing: Framing
        /// It is a gRPC call.
        var isCall = false
        /// The value of `grpc-timeout`.
        var timeoutNanoseconds: Int64?
    }

    /// Appends the head, including its empty line.
    /// - Parameter endsStream: the request has no body.
    static func write(
        _ fields: HPACKHeaders, endsStream: Bool, to buffer: inout ByteBuffer
    ) throws(HTTP2Fault) -> Head {
        var pseudo = PseudoFields()
        var regular = RegularFields()
        for (name, value, _) in fields {
            if name.utf8.first == .colon {
                guard regular.count == 0 else { throw .latePseudoField }
                try pseudo.take(name, value)
            } else {
                try regular.take(name, value)
            }
        }
        let (method, path) = try pseudo.target()
        let host = try regular.host(pseudo.authority)
        let framing = try regular.framing(endsStream: endsStream)
        buffer.writeString("\(method) \(path) HTTP/1.1\r\nhost: \(host)\r\n")
        for (name, value) in regular.kept {
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        // RFC 9113, section 8.2.3: HTTP/1.1 has one field of cookies.
        if !regular.cookies.isEmpty {
            buffer.writeString("cookie: \(regular.cookies.joined(separator: "; "))\r\n")
        }
        switch framing {
        case .none: break
        case .length(let length): buffer.writeString("content-length: \(length)\r\n")
        case .chunked: buffer.writeStaticString("transfer-encoding: chunked\r\n")
        }
        buffer.writeStaticString("\r\n")
        return Head(framing: framing, isCall: regular.isCall, timeoutNanoseconds: regular.timeoutNanoseconds)
    }
}

/// The fields whose names begin with a colon. Each may occur once.
private struct PseudoFields {
    var method: String?
    var scheme: String?
    var path: String?
    var authority: String?

    mutating func take(_ name: String, _ value: String) throws(HTTP2Fault) {
        let place: WritableKeyPath<PseudoFields, String?>
        switch name {
        case ":method": place = \.method
        case ":scheme": place = \.scheme
        case ":path": place = \.path
        case ":authority": place = \.authority
        default: throw .unknownPseudoField
        }
        guard self[keyPath: place] == nil else { throw .duplicatePseudoField }
        self[keyPath: place] = value
    }

    /// The method and the target in origin form.
    func target() throws(HTTP2Fault) -> (method: String, path: String) {
        guard let method, let scheme, let path else { throw .missingPseudoField }
        // A tunnel has no scheme and no path, so a CONNECT with both is malformed, too.
        guard !method.isEmpty, method.utf8.allSatisfy(\.isToken), method != "CONNECT" else { throw .badMethod }
        guard scheme == "http" || scheme == "https" else { throw .badScheme }
        guard path.utf8.allSatisfy(\.isTarget), !path.utf8.contains(UInt8(ascii: "#")) else { throw .badPath }
        guard path.utf8.first == .slash || path == "*" && method == "OPTIONS" else { throw .badPath }
        return (method, path)
    }
}

/// All other fields.
private struct RegularFields {
    private(set) var count = 0
    private(set) var kept: [(name: String, value: String)] = []
    private(set) var cookies: [String] = []
    private(set) var isCall = false
    private(set) var timeoutNanoseconds: Int64?
    private var hosts: [String] = []
    private var length: Int?

    mutating func take(_ name: String, _ value: String) throws(HTTP2Fault) {
        count += 1
        try FieldTranslation.check(name, value)
        switch name {
        case "host": hosts.append(value)
        case "cookie": cookies.append(value)
        case "te":
            guard value == "trailers" else { throw .connectionField }
        case "content-length":
            guard length == nil else { throw .duplicateContentLength }
            length = try FieldTranslation.length(value)
        default:
            if name == "content-type", RPCCall.isCall(contentType: value) { isCall = true }
            if name == "grpc-timeout" { timeoutNanoseconds = RPCCall.timeoutNanoseconds(value) }
            kept.append((name, value))
        }
    }

    func host(_ authority: String?) throws(HTTP2Fault) -> String {
        guard hosts.count <= 1 else { throw .hostDiffers }
        if let authority, let host = hosts.first, host.lowercased() != authority.lowercased() { throw .hostDiffers }
        guard let host = authority ?? hosts.first else { throw .missingPseudoField }
        // The scanner of heads refuses the rest: characters that start a path, a list or user information.
        guard host.utf8.allSatisfy(\.isTarget), !host.utf8.contains(UInt8(ascii: "@")) else { throw .badAuthority }
        return host
    }

    func framing(endsStream: Bool) throws(HTTP2Fault) -> RequestTranslation.Framing {
        if endsStream {
            guard length ?? 0 == 0 else { throw .lengthMismatch }
            return length.map { .length($0) } ?? .none
        }
        return length.map { .length($0) } ?? .chunked
    }
}

/// Checks that hold for the fields of requests, answers and trailers.
enum FieldTranslation {
    static func check(_ name: String, _ value: String) throws(HTTP2Fault) {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0.isToken && $0 == $0.lowercased }) else { throw .badFieldName }
        switch name {
        case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings":
            throw .connectionField
        default: break
        }
        guard value.utf8.allSatisfy(\.isFieldContent) else { throw .badFieldValue }
        guard let first = value.utf8.first, let last = value.utf8.last else { return }
        guard !first.isBlank, !last.isBlank else { throw .badFieldValue }
    }

    /// A plain number of at most 18 digits.
    static func length(_ value: String) throws(HTTP2Fault) -> Int {
        guard (1...18).contains(value.utf8.count), value.utf8.allSatisfy(\.isDigit), let length = Int(value) else {
            throw .badContentLength
        }
        return length
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == .space || self == .tab }
}
