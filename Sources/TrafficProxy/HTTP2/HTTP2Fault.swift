/// What is wrong with the fields of an HTTP/2 message. Everything that becomes ambiguous in HTTP/1.1 is a fault, because such
/// differences allow request smuggling. RFC 9113 calls these messages malformed: their stream is reset.
enum HTTP2Fault: Error, Hashable, Sendable, CaseIterable {
    case unknownPseudoField, duplicatePseudoField, latePseudoField, missingPseudoField
    case badMethod, badScheme, badPath, badAuthority, badStatus
    case badFieldName, badFieldValue, connectionField
    case hostDiffers
    case badContentLength, duplicateContentLength, lengthMismatch
}
