import HTTP1

/// Requests whose heads are wrong, and what is wrong with them.
package enum RequestFaults {
    package static let all: [(String, HeadFault)] = [
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndEncoding),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", .duplicateContentLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", .badContentLength),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            .duplicateTransferEncoding
        ),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", .unsupportedTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\u{0b}chunked\r\n\r\n", .badFieldValue),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n", .badFieldName),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\r\n : chunked\r\n\r\n", .badFieldName),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .encodingInOldVersion),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\nHost: h\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: h\r\n\rA: b\r\n\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", .badFieldValue),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: 12345678\u{7f}9\r\n\r\n", .badFieldValue),
        ("GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", .badFieldName),
        ("GET / HTTP/1.1\r\nHost: h\r\n: c\r\n\r\n", .badFieldName),
        ("GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n", .badFieldName),
        ("GET / HTTP/1.1\r\nHost: h\r\nÄ: c\r\n\r\n", .badFieldName),
        ("GET / HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .duplicateHost),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .badHost),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", .badRequestLine),
        ("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", .badVersion),
        ("GET /\r\n\r\n", .badRequestLine),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", .badRequestLine),
        ("GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n", .badTarget),
        ("GET /\ta HTTP/1.1\r\nHost: h\r\n\r\n", .badTarget),
        ("GET a HTTP/1.1\r\nHost: h\r\n\r\n", .badTarget),
        ("GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", .badTarget),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", .badTarget),
        ("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", .badMethod),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", .badVersion),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/1.2\r\nHost: h\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/1.11\r\nHost: h\r\n\r\n", .badRequestLine),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .badTarget),
        ("\u{16}\u{03}\u{01}", .badMethod),
    ]
}

extension HeadScan {
    package var head: Head? { if case .complete(let head) = self { head } else { nil } }
    package var fault: HeadFault? { if case .invalid(let fault) = self { fault } else { nil } }
}
