import Crypto
import Foundation

/// Proves that the sender of a request knows a token, without sending it, so that a server at an address without TLS never sees
/// the token.
///
///     Authorization: MLCTL-HMAC-SHA256 challenge=…, nonce=…, body=…, mac=…
///
/// `challenge` comes from the server (see `Challenges`): it is valid for some minutes, at that server only. `nonce` comes from
/// the client and is used once. `body` is the SHA-256 of the body. `mac` is the HMAC-SHA256, keyed with the token, of the request
/// line's content and those three. All are base64url without padding.
///
/// # Caveats
/// Without TLS, others can read the request and the answer, and someone who can change packets can change the answer's body. The
/// signature proves who sent the request, and `AnswerProof` who answered; they prove no more.
struct RequestSignature: Hashable, Sendable {
    static let scheme = "MLCTL-HMAC-SHA256"
    static let nonceBytes = 16

    var challenge: String
    var nonce: String
    /// base64url of the SHA-256 of the body.
    var bodyDigest: String
    var code: Data

    /// Signs a request.
    /// - Parameter target: path and query, as in the request line.
    init(
        method: String, target: String, body: Data, challenge: String, nonce: String, secret: String
    ) {
        self.challenge = challenge
        self.nonce = nonce
        bodyDigest = Self.digest(of: body)
        let text = Self.text(
            method: method, target: target, challenge: challenge, nonce: nonce, bodyDigest: bodyDigest)
        code = Data(HMAC<SHA256>.authenticationCode(for: text, using: Self.key(secret)))
    }

    /// Parses the value of the header. Nil if the scheme is another one, or a field is missing.
    init?(authorization: String) {
        guard authorization.utf8.count <= Self.mostBytes,
            let space = authorization.firstIndex(of: " "),
            authorization[..<space].lowercased() == Self.scheme.lowercased()
        else { return nil }
        var fields: [Substring: Substring] = [:]
        for field in authorization[space...].split(separator: ",") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            let name = parts[0].drop { $0 == " " }
            guard fields.updateValue(parts[1], forKey: name) == nil else { return nil }
        }
        guard let challenge = fields["challenge"], let nonce = fields["nonce"], let body = fields["body"],
            let code = fields["mac"].flatMap({ Base64URL.decode($0) }),
            Base64URL.decode(nonce)?.count == Self.nonceBytes
        else { return nil }
        self.challenge = String(challenge)
        self.nonce = String(nonce)
        bodyDigest = String(body)
        self.code = code
    }

    private static let mostBytes = 1024

    var authorization: String {
        "\(Self.scheme) challenge=\(challenge), nonce=\(nonce), body=\(bodyDigest), mac=\(Base64URL.encode(code))"
    }

    /// The text that the code authenticates.
    func text(method: String, target: String) -> Data {
        Self.text(method: method, target: target, challenge: challenge, nonce: nonce, bodyDigest: bodyDigest)
    }

    private static func text(
        method: String, target: String, challenge: String, nonce: String, bodyDigest: String
    ) -> Data {
        Data(
            ["mlctl-request-v1", method, target, challenge, nonce, bodyDigest].joined(separator: "\n").utf8)
    }

    static func digest(of body: Data) -> String { Base64URL.encode(Data(SHA256.hash(data: body))) }

    static func isValid(_ code: Data, of text: Data, secret: String) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: text, using: key(secret))
    }

    fileprivate static func key(_ secret: String) -> SymmetricKey { SymmetricKey(data: Data(secret.utf8)) }
}

/// The server's part: proves that the sender of the answer knows the token too.
///
/// The answer's header `mlctl-proof` is the HMAC-SHA256, keyed with the token, of the request's nonce and the answer's status.
enum AnswerProof {
    static let header = "mlctl-proof"

    static func text(nonce: String, status: Int, secret: String) -> String {
        Base64URL.encode(
            Data(HMAC<SHA256>.authenticationCode(for: subject(nonce, status), using: RequestSignature.key(secret))))
    }

    static func isValid(_ text: String?, nonce: String, status: Int, secret: String) -> Bool {
        guard let text, let code = Base64URL.decode(text) else { return false }
        return RequestSignature.isValid(code, of: subject(nonce, status), secret: secret)
    }

    private static func subject(_ nonce: String, _ status: Int) -> Data {
        Data("mlctl-answer-v1\n\(nonce)\n\(status)".utf8)
    }
}

/// Base64 for headers and file names (RFC 4648, section 5), without padding.
enum Base64URL {
    static func encode(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func decode(_ text: some StringProtocol) -> Data? {
        let isAlphabet = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isAlphabet else { return nil }
        let plain = String(text).replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4))
    }
}
