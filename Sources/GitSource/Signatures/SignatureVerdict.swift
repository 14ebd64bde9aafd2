import SafeText

/// What git says about a signature with `git verify-commit --raw` or `git verify-tag --raw`.
enum SignatureVerdict: Hashable, Sendable {
    /// - Parameter signer: the principal of the allowed signers, or the key's id and name.
    case valid(signer: String)
    /// Only this is a reason to look at another signature of the same commit.
    case missing
    case invalid(reason: String)

    private static let longestName = 120

    /// - Parameters:
    ///   - isSuccess: git found the signature good, and its key in the rule's file.
    ///   - output: git's standard error. ssh-keygen writes a line for people, gpg the lines of its DETAILS file, "Format of the
    ///     --status-fd output".
    init(isSuccess: Bool, output: String, rule: SignatureRule) {
        let lines = output.split(whereSeparator: \.isNewline).map(String.init)
        let states = lines.compactMap { line -> [String]? in
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            return words.count > 1 && words[0] == "[GNUPG:]" ? Array(words.dropFirst()) : nil
        }
        func state(_ names: String...) -> [String]? { states.first { names.contains($0[0]) } }
        if isSuccess {
            // A success without the name of a signer is none: no rule of the file has allowed it.
            switch rule {
            case .allowedSigners:
                if let signer = Self.principal(in: lines) {
                    self = .valid(signer: signer)
                } else {
                    self = .invalid(reason: "git names no allowed signer")
                }
            case .gpgKeyring:
                if let good = state("GOODSIG"), state("VALIDSIG") != nil {
                    self = .valid(signer: Self.shown(good.dropFirst().joined(separator: " ")))
                } else {
                    self = .invalid(reason: "gpg reports no valid signature")
                }
            }
            return
        }
        if lines.isEmpty || output.contains("no signature found") {
            self = .missing
            return
        }
        self = .invalid(reason: Self.reason(lines, state, rule))
    }

    /// "Good "git" signature for alice@example.com with ED25519 key SHA256:…"
    private static func principal(in lines: [String]) -> String? {
        for line in lines {
            if let match = line.wholeMatch(of: #/Good "git" signature for (.+) with \S+ key \S+/#) {
                return shown(String(match.1))
            }
        }
        return nil
    }

    private static func reason(_ lines: [String], _ state: (String...) -> [String]?, _ rule: SignatureRule) -> String {
        let text = lines.joined(separator: "\n")
        func key(_ state: [String]) -> String { state.count > 1 ? " " + shown(state[1]) : "" }
        if let unknown = state("NO_PUBKEY") {
            return "it is signed with the key\(key(unknown)), which is not in \(rule.file)"
        }
        if let expired = state("EXPKEYSIG") { return "the key\(key(expired)) has expired" }
        if let revoked = state("REVKEYSIG") { return "the key\(key(revoked)) is revoked" }
        if state("EXPSIG") != nil { return "the signature has expired" }
        if state("BADSIG") != nil {
            return "the signature does not belong to it: somebody changed it after it was signed"
        }
        if let match = text.firstMatch(of: #/with (\S+ key SHA256:\S+)/#), text.contains("No principal matched") {
            return "it is signed with the \(shown(String(match.1))), which is not in \(rule.file), or not for this time"
        }
        if text.contains("No principal matched") { return "it is signed with a key that is not in \(rule.file)" }
        if text.contains("incorrect signature") || text.contains("Signature verification failed") {
            return "the signature does not belong to it: somebody changed it after it was signed"
        }
        if text.contains("cannot run ssh-keygen") { return "there is no ssh-keygen; install openssh-client" }
        if text.contains("cannot run gpg") { return "there is no gpg; install gnupg" }
        if text.contains("cannot run false") || state("ERRSIG") != nil || text.contains("could not verify signature") {
            return "the signature is of a kind that 'verify.\(rule.field)' does not accept"
        }
        return "git says: \(shown(lines.joined(separator: "; ")))"
    }

    private static func shown(_ text: String) -> String { String(Escape.line(text).prefix(longestName)) }
}
