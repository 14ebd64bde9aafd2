import HTTP1
import NIOCore
import NIOHPACK

/// Turns the fields of an HTTP/2 answer into the head of an HTTP/1.1 answer. Pure.
enum ResponseTranslation {
    struct Head: Hashable, Sendable {
        var status: Int
        var framing: RequestTranslation.Framing
        /// The value of `grpc-status`, if the answer consists of its head only.
        var callStatus: String?

        var isInterim: Bool { status < 200 }
    }

    /// Appends the head, including its empty line.
    ///
    /// - Parameters:
    ///   - endsStream: nothing follows.
    ///   - isToHead: the request was HEAD, so the length is that of another answer.
    ///   - isCall: it answers a gRPC call, whose answer ends with trailers. So it is chunked, whatever its length.
    static func write(
        _ fields: HPACKHeaders, endsStream: Bool, isToHead: Bool, isCall: Bool, to buffer: inout ByteBuffer
    ) throws(HTTP2Fault) -> Head {
        var status: Int?
        var length: Int?
        var callStatus: String?
        var kept: [(name: String, value: String)] = []
        var regular = 0
        for (name, value, _) in fields {
            if name.utf8.first == .colon {
                guard regular == 0 else { throw .latePseudoField }
                guard name == ":status" else { throw .unknownPseudoField }
                guard status == nil else { throw .duplicatePseudoField }
                guard value.utf8.count == 3, value.utf8.allSatisfy(\.isDigit), let code = Int(value), code >= 100,
                    code != 101
                else { throw .badStatus }
                status = code
                continue
            }
            regular += 1
            try FieldTranslation.check(name, value)
            if name == "content-length" {
                guard length == nil else { throw .duplicateContentLength }
                length = try FieldTranslation.length(value)
                continue
            }
            if name == "grpc-status" { callStatus = value }
            kept.append((name, value))
        }
        guard let status else { throw .missingPseudoField }
        let hasNoBody = status < 200 || status == 204 || status == 304
        if hasNoBody, !endsStream, status >= 200 { throw .lengthMismatch }
        let framing: RequestTranslation.Framing
        if hasNoBody || isToHead {
            framing = .none
        } else if endsStream {
            guard length ?? 0 == 0 else { throw .lengthMismatch }
            framing = .length(0)
            length = 0
        } else if let length, !isCall {
            framing = .length(length)
        } else {
            framing = .chunked
            length = nil
        }
        buffer.writeString("HTTP/1.1 \(status) \r\n")
        for (name, value) in kept { buffer.writeString("\(name): \(value)\r\n") }
        if let length, status >= 200, status != 204 { buffer.writeString("content-length: \(length)\r\n") }
        if framing == .chunked { buffer.writeStaticString("transfer-encoding: chunked\r\n") }
        buffer.writeStaticString("\r\n")
        return Head(status: status, framing: framing, callStatus: endsStream ? callStatus : nil)
    }

    /// Trailers as they may be forwarded.
    static func trailers(_ fields: HPACKHeaders) throws(HTTP2Fault) -> HPACKHeaders {
        for (name, value, _) in fields {
            if name.utf8.first == .colon { throw .latePseudoField }
            try FieldTranslation.check(name, value)
            // Framing and routing fields must not be trailers (RFC 9110, section 6.5.1).
            switch name {
            case "content-length", "host", "te", "cookie", "x-mlctl-revision", "x-mlctl-request-id": throw .badFieldName
            default: break
            }
        }
        return fields
    }
}
