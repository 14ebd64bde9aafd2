@testable import HTTP1

let ampleHeads = RequestHeadScanner(headBytesMax: 32 << 10, lineBytesMax: 8 << 10, fieldsMax: 128)

/// Reads a request's head from text.
func scanRequest(_ text: String, _ scanner: RequestHeadScanner = ampleHeads) -> HeadScan<RequestHead> {
    scanRequest(Array(text.utf8), scanner)
}

func scanRequest(_ bytes: [UInt8], _ scanner: RequestHeadScanner = ampleHeads) -> HeadScan<RequestHead> {
    var scanner = scanner
    return bytes.withUnsafeBytes { scanner.scan($0) }
}

func scanResponse(_ text: String, isToHead: Bool = false) -> HeadScan<ResponseHead> {
    scanResponse(Array(text.utf8), isToHead: isToHead)
}

func scanResponse(_ bytes: [UInt8], isToHead: Bool = false) -> HeadScan<ResponseHead> {
    var scanner = ResponseHeadScanner(headBytesMax: 64 << 10, fieldsMax: 128)
    return bytes.withUnsafeBytes { scanner.scan($0, isToHead: isToHead) }
}
