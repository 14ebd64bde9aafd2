import Foundation
import Testing

@testable import ControlAPI

@Suite("A signed request") struct RequestSignatureTests {
    private static let nonce = Base64URL.encode(Data(repeating: 7, count: RequestSignature.nonceBytes))

    private func signature(
        method: String = "POST", target: String = "/api/v1/sync?a=b", body: String = "{}", challenge: String = "c",
        nonce: String = nonce, secret: String = Tokens.admin
    ) -> RequestSignature {
        RequestSignature(
            method: method, target: target, body: Data(body.utf8), challenge: challenge, nonce: nonce, secret: secret)
    }

    private func isGenuine(_ signature: RequestSignature, method: String = "POST", target: String = "/api/v1/sync?a=b")
        -> Bool
    {
        RequestSignature.isValid(
            signature.code, of: signature.text(method: method, target: target), secret: Tokens.admin)
    }

    @Test("a written signature is read back and is genuine, and does not contain the token")
    func roundTrip() throws {
        let written = signature()
        let read = try #require(RequestSignature(authorization: written.authorization))
        #expect(read == written && isGenuine(read))
        #expect(!written.authorization.contains(Tokens.admin))
    }

    @Test("any change makes it invalid")
    func changes() {
        let good = signature()
        #expect(!isGenuine(good, method: "GET"))
        #expect(!isGenuine(good, target: "/api/v1/sync"))
        var other = good
        other.challenge = "d"
        #expect(!isGenuine(other))
        other = good
        other.nonce = Base64URL.encode(Data(repeating: 8, count: RequestSignature.nonceBytes))
        #expect(!isGenuine(other))
        other = good
        other.bodyDigest = RequestSignature.digest(of: Data("{ }".utf8))
        #expect(!isGenuine(other))
        #expect(!isGenuine(signature(secret: Tokens.viewer)))
    }

    @Test(
        "an incomplete signature is not accepted",
        arguments: [
            "", "Bearer x", "MLCTL-HMAC-SHA256", "MLCTL-HMAC-SHA256 ", "MLCTL-HMAC-SHA256 challenge=a",
            "MLCTL-HMAC-SHA256 challenge=a, nonce=b, body=c, mac=d",
            "MLCTL-HMAC-SHA256 challenge=a, challenge=b, nonce=\(nonce), body=c, mac=AAAA",
            "MLCTL-HMAC-SHA256 challenge=a, nonce=\(nonce), body=c, mac=A A",
            "MLCTL-HMAC-SHA256 challenge=a, nonce=\(nonce), body=c, mac=" + String(repeating: "A", count: 2000),
        ])
    func malformed(text: String) { #expect(RequestSignature(authorization: text) == nil) }

    @Test("an answer's proof is for one nonce, one status and one token")
    func proof() {
        let proof = AnswerProof.text(nonce: "n", status: 200, secret: Tokens.admin)
        #expect(AnswerProof.isValid(proof, nonce: "n", status: 200, secret: Tokens.admin))
        #expect(!AnswerProof.isValid(proof, nonce: "m", status: 200, secret: Tokens.admin))
        #expect(!AnswerProof.isValid(proof, nonce: "n", status: 409, secret: Tokens.admin))
        #expect(!AnswerProof.isValid(proof, nonce: "n", status: 200, secret: Tokens.viewer))
        for nothing in [nil, "", "=", "AAAA"] as [String?] {
            #expect(!AnswerProof.isValid(nothing, nonce: "n", status: 200, secret: Tokens.admin))
        }
    }

    @Test("base64url is decoded as it was encoded, and other characters are refused")
    func base64() {
        for count in 0..<40 {
            let data = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 53 &+ 251) })
            #expect(Base64URL.decode(Base64URL.encode(data)) == data)
        }
        #expect(Base64URL.decode("a+b/") == nil && Base64URL.decode("aa==") == nil && Base64URL.decode("a\n") == nil)
    }
}
