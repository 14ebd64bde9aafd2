@testable import TrafficProxy

/// Reads a request's head from text.
func scanRequest(_ text: String, limits: ProxyLimits = ProxyLimits()) -> HeadScan<RequestHead> {
    scanRequest(Array(text.utf8), limits: limits)
}

func scanRequest(_ bytes: [UInt8], limits: ProxyLimits = ProxyLimits()) -> HeadScan<RequestHead> {
    var scanner = RequestHeadScanner(limits: limits)
    return bytes.withUnsafeBytes { scanner.scan($0) }
}

func scanResponse(_ text: String, isToHead: Bool = false) -> HeadScan<ResponseHead> {
    scanResponse(Array(text.utf8), isToHead: isToHead)
}

func scanResponse(_ bytes: [UInt8], isToHead: Bool = false) -> HeadScan<ResponseHead> {
    var scanner = ResponseHeadScanner(limits: ProxyLimits())
    return bytes.withUnsafeBytes { scanner.scan($0, isToHead: isToHead) }
}

extension HeadScan {
    var head: Head? { if case .complete(let head) = self { head } else { nil } }
    var fault: HeadFault? { if case .invalid(let fault) = self { fault } else { nil } }
}
