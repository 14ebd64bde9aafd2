import Testing

@testable import GitSource

/// What git 2.34 to 2.47, ssh-keygen and gpg print.
@Suite("Reading what git says of a signature")
struct SignatureVerdictTests {
    private static let ssh = SignatureRule.allowedSigners("/etc/signers")
    private static let gpg = SignatureRule.gpgKeyring("/etc/keyring")

    @Test("a good signature names its signer")
    func good() {
        let byKey = "Good \"git\" signature for alice@example.org with ED25519 key SHA256:abc"
        #expect(
            SignatureVerdict(isSuccess: true, output: byKey, rule: Self.ssh) == .valid(signer: "alice@example.org"))
        let byPGP =
            "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 0123456789ABCDEF Alice <a@example.org>\n[GNUPG:] VALIDSIG 01 2026"
        #expect(
            SignatureVerdict(isSuccess: true, output: byPGP, rule: Self.gpg)
                == .valid(signer: "0123456789ABCDEF Alice <a@example.org>"))
    }

    @Test("a success that names no signer of the rule's kind is no success")
    func nobody() {
        for rule in [Self.ssh, Self.gpg] {
            for output in ["", "Good \"git\" signature with ED25519 key SHA256:abc", "[GNUPG:] GOODSIG"] {
                if case .valid = SignatureVerdict(isSuccess: true, output: output, rule: rule) {
                    Issue.record("\(rule) accepts '\(output)'")
                }
            }
        }
    }

    @Test(
        "a failure says why",
        arguments: [
            (
                Self.ssh,
                "Good \"git\" signature with ED25519 key SHA256:abc\n/etc/signers:2: invalid key\nNo principal matched.",
                "ED25519 key SHA256:abc, which is not in /etc/signers"
            ),
            (Self.ssh, "Could not verify signature.\nSignature verification failed: incorrect signature", "changed it"),
            (Self.ssh, "error: cannot run ssh-keygen: No such file or directory", "install openssh-client"),
            (Self.ssh, "error: could not verify signature", "does not accept"),
            (
                Self.gpg, "[GNUPG:] ERRSIG 0A 22 8 00 1 9 -\n[GNUPG:] NO_PUBKEY 0A",
                "the key 0A, which is not in /etc/keyring"
            ),
            (Self.gpg, "[GNUPG:] BADSIG 0A Alice", "changed it"),
            (Self.gpg, "[GNUPG:] EXPKEYSIG 0A Alice", "0A has expired"),
            (Self.gpg, "[GNUPG:] REVKEYSIG 0A Alice", "0A is revoked"),
            (Self.gpg, "error: cannot run gpg: No such file or directory", "install gnupg"),
            (Self.gpg, "some new words", "git says: some new words"),
        ])
    func reasons(_ rule: SignatureRule, _ output: String, _ reason: String) {
        guard case .invalid(let said) = SignatureVerdict(isSuccess: false, output: output, rule: rule) else {
            Issue.record("\(output) is not an invalid signature")
            return
        }
        #expect(said.contains(reason), "\(said)")
    }

    @Test("no output, or a tag without a signature, is a missing one")
    func missing() {
        for output in ["", "error: no signature found"] {
            #expect(SignatureVerdict(isSuccess: false, output: output, rule: Self.ssh) == .missing)
        }
    }

    @Test("names from keys cannot write control characters, and are bounded")
    func hostile() {
        let name = "a\u{1b}[31m" + String(repeating: "x", count: 500)
        let output = "Good \"git\" signature for \(name) with RSA key SHA256:abc"
        guard case .valid(let signer) = SignatureVerdict(isSuccess: true, output: output, rule: Self.ssh) else {
            Issue.record("not valid")
            return
        }
        #expect(!signer.unicodeScalars.contains("\u{1b}") && signer.count <= 120)
    }
}
