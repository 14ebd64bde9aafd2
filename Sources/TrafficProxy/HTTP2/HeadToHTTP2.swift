import HTTP1
import NIOCore
import NIOHPACK

/// Turns a head of HTTP/1.1 that was scanned into the fields of HTTP/2. Pure.
///
/// Fields of one connection are left out, and names become lower-case.
enum HeadToHTTP2 {
    /// - Parameter source: begins with the head.
    static func request(_ head: RequestHead, _ source: UnsafePointer<UInt8>) -> (fields: HPACKHeaders, isCall: Bool) {
        var fields = HPACKHeaders()
        fields.reserveCapacity(24)
        fields.add(name: ":method", value: text(source, head.methodStart..<head.methodEnd), indexing: .indexable)
        fields.add(name: ":scheme", value: "http")
        fields.add(name: ":path", value: head.path.isEmpty ? "/" : text(source, head.path))
        var regular = HPACKHeaders()
        var authority = head.authority.isEmpty ? nil : text(source, head.authority)
        var isCall = false
        forEachField(source, from: head.fieldsStart, length: head.length) { name, value in
            switch name {
            case "host":
                if authority == nil { authority = value }
            default:
                if name == "content-type" { isCall = RPCCall.isCall(contentType: value) }
                regular.add(name: name, value: value)
            }
        }
        if let authority { fields.add(name: ":authority", value: authority) }
        fields.add(contentsOf: regular)
        // Some gRPC servers refuse calls of clients that do not say that they read trailers.
        if isCall { fields.add(name: "te", value: "trailers") }
        return (fields, isCall)
    }

    /// - Parameter dropsLength: the answer ends a gRPC call, which has no length.
    static func answer(_ head: ResponseHead, _ source: UnsafePointer<UInt8>, dropsLength: Bool) -> HPACKHeaders {
        var fields = HPACKHeaders()
        fields.add(name: ":status", value: String(head.status))
        forEachField(source, from: head.fieldsStart, length: head.length) { name, value in
            if name != "content-length" || !dropsLength { fields.add(name: name, value: value) }
        }
        return fields
    }

    /// Calls the body for each field that HTTP/2 has, too. The name is in lower case.
    private static func forEachField(
        _ source: UnsafePointer<UInt8>, from start: Int, length: Int, _ body: (String, String) -> Void
    ) {
        var lineStart = start
        while lineStart < length - 2 {
            var nameEnd = lineStart
            while source[nameEnd] != .colon { nameEnd += 1 }
            var lineEnd = nameEnd
            while source[lineEnd] != .carriageReturn { lineEnd += 1 }
            let name = FieldName(source + lineStart, count: nameEnd - lineStart)
            if !name.isHopByHop, name != .transferEncoding {
                body(
                    text(source, lineStart..<nameEnd).lowercased(),
                    text(source, FieldScanner.trimmed(source, nameEnd + 1..<lineEnd)))
            }
            lineStart = lineEnd + 2
        }
    }

    private static func text(_ source: UnsafePointer<UInt8>, _ range: Range<Int>) -> String {
        String(decoding: UnsafeBufferPointer(start: source + range.lowerBound, count: range.count), as: UTF8.self)
    }
}
