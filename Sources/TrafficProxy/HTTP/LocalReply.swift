import HTTP1
import NIOCore
import SafeText

/// An answer of the proxy itself, when no instance gave one: JSON with what is wrong and what to do.
struct LocalReply: Hashable, Sendable {
    var status: Int
    var message: String
    var retryAfterSeconds: Int?

    init(_ status: Int, _ message: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    init(_ fault: HeadFault) { self.init(fault.status, fault.message) }

    /// - Parameter closes: whether the connection closes after this answer.
    func write(revision: String, id: RequestId, closes: Bool, isToHead: Bool, to buffer: inout ByteBuffer) {
        let minted = id.minted(revision: revision)
        let id = id.text(revision: revision)
        let body = "{\"error\":\"\(Escape.jsonString(message))\",\"requestId\":\"\(Escape.jsonString(id))\"}\n"
        var head = "HTTP/1.1 \(status) \(Self.reason(status))\r\ncontent-type: application/json\r\n"
        head += "content-length: \(body.utf8.count)\r\nx-mlctl-revision: \(revision)\r\n"
        head += "x-mlctl-request-id: \(minted)\r\nx-request-id: \(id)\r\n"
        if let retryAfterSeconds { head += "retry-after: \(retryAfterSeconds)\r\n" }
        if closes { head += "connection: close\r\n" }
        buffer.writeString(head + "\r\n" + (isToHead ? "" : body))
    }

    /// The same answer to a gRPC call: a head without a body, which says how the call ended ("Trailers-Only").
    func writeToCall(revision: String, id: RequestId, to buffer: inout ByteBuffer) {
        let callStatus = RPCStatus(ownReply: status)
        buffer.writeString(
            "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: \(callStatus.rawValue)\r\n"
                + "grpc-message: \(RPCStatus.message(message))\r\nx-mlctl-revision: \(revision)\r\n"
                + "x-mlctl-request-id: \(id.minted(revision: revision))\r\nx-request-id: \(id.text(revision: revision))\r\n"
                + "content-length: 0\r\n\r\n")
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Error"
        }
    }
}
