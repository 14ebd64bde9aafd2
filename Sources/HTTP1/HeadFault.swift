/// What is wrong with a head, or with the framing of a body. Everything that two servers could read differently is a fault,
/// because such differences allow request smuggling.
package enum HeadFault: Hashable, Sendable, CaseIterable {
    case headTooLarge, requestLineTooLong, tooManyFields
    case badMethod, badTarget, badRequestLine, badVersion, unsupportedVersion
    case bareLineFeed, bareCarriageReturn, foldedField, badFieldName, badFieldValue
    case missingHost, duplicateHost, badHost
    case badContentLength, duplicateContentLength, lengthAndEncoding
    case duplicateTransferEncoding, unsupportedTransferEncoding, encodingInOldVersion
    case badChunk, badTrailer
    case badStatusLine

    /// The status of the answer to the client.
    package var status: Int {
        switch self {
        case .headTooLarge, .tooManyFields: 431
        case .requestLineTooLong: 414
        case .unsupportedVersion: 505
        case .unsupportedTransferEncoding: 501
        default: 400
        }
    }

    /// What is wrong and what to do, for messages.
    package var message: String {
        switch self {
        case .headTooLarge: "the head is too large: send fewer or shorter header fields"
        case .requestLineTooLong: "the request line is too long: send long input in the body"
        case .tooManyFields: "there are too many header fields: send fewer"
        case .badMethod: "the method is not a token: send one such as GET or POST"
        case .badTarget: "the target contains a byte that is not allowed: percent-encode it"
        case .badRequestLine: "the request line is not 'METHOD TARGET HTTP/1.1' with single spaces"
        case .badVersion: "the request line does not end with an HTTP version: send HTTP/1.1"
        case .unsupportedVersion: "only HTTP/1.1 and HTTP/1.0 are supported"
        case .bareLineFeed: "a line ends with a bare line feed: end lines with CR LF"
        case .bareCarriageReturn: "a carriage return has no line feed after it: end lines with CR LF"
        case .foldedField: "a header field continues on another line: send it on one line"
        case .badFieldName: "a header field's name is not a token followed directly by a colon"
        case .badFieldValue: "a header field's value contains a control character"
        case .missingHost: "the Host field is missing"
        case .duplicateHost: "there is more than one Host field: send one"
        case .badHost: "the Host field is not a host and an optional port"
        case .badContentLength: "Content-Length is not a plain number"
        case .duplicateContentLength: "there is more than one Content-Length: send one"
        case .lengthAndEncoding: "Content-Length and Transfer-Encoding must not be combined: send one"
        case .duplicateTransferEncoding: "there is more than one Transfer-Encoding: send one"
        case .unsupportedTransferEncoding: "only 'Transfer-Encoding: chunked' is supported"
        case .encodingInOldVersion: "HTTP/1.0 has no Transfer-Encoding: send Content-Length"
        case .badChunk: "the chunked body is malformed"
        case .badTrailer: "a trailer field is malformed, or must not be a trailer"
        case .badStatusLine: "the status line is not 'HTTP/1.1 CODE REASON'"
        }
    }
}

/// The result of reading a head. The same bytes give the same result however they are split.
package enum HeadScan<Head> {
    case incomplete
    case complete(Head)
    case invalid(HeadFault)
}

extension HeadScan: Equatable where Head: Equatable {}
