import NIOSSL
import Transport

import struct NIOPosix.NIOConnectionError

/// Why a client does not trust the server that answers, or is not accepted by it, and which option helps.
enum TLSRefusal {
    private static let characters = 120

    /// - Returns: nil for an error that is not about TLS.
    static func reason(_ error: any Error) -> String? {
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return reason(first.error)
        }
        guard
            error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError || error is CertificateProblem
        else { return nil }
        if (error as? NIOSSLExtraError) == .failedToValidateHostname {
            return "its certificate is for another name: use a name from the certificate in --server"
        }
        let words = String(describing: error)
        for (mark, reason) in reasons where words.contains(mark) { return reason }
        return (error as? CertificateProblem)?.description ?? "TLS failed: \(words.prefix(characters))"
    }

    private static let reasons = [
        (
            "CERTIFICATE_VERIFY_FAILED",
            "its certificate cannot be verified. If this machine does not know its authority, give the authority's certificate "
                + "with --ca-file FILE or MLCTL_CA_FILE"
        ),
        (
            "CERTIFICATE_REQUIRED",
            "it accepts only clients with a certificate: give yours with --cert-file and --key-file"
        ),
        ("BAD_CERTIFICATE", "it does not accept the certificate of --cert-file: ask its operator for another one"),
        ("UNKNOWN_CA", "it does not know the authority of --cert-file: ask its operator for another certificate"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS: use http:// in --server, if that is what you mean"),
    ]
}
