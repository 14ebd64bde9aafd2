import ControlAPI

/// Checks that tokens are hard to guess, different from each other, and no more powerful than needed. Pure; prints no token.
enum TokenFindings {
    struct Token: Hashable, Sendable {
        var caller: Caller
        /// The token's file or variable.
        var place: String
        /// The token was given to somebody: it is not the state folder's own token.
        var isGiven: Bool
        /// Nil where it cannot be read, which the check `secret.mode` reports.
        var text: String?
    }

    static func all(_ tokens: [Token], isReachableFromNetwork: Bool) -> [Finding] {
        strength(tokens) + [twice(tokens)] + rights(tokens.filter(\.isGiven), isReachableFromNetwork)
    }

    /// The findings where the settings, which may name more tokens, cannot be read.
    static func ofSome(_ tokens: [Token]) -> [Finding] {
        strength(tokens)
            + [CheckID.tokenTwice, .tokenRights].map { .notLookedAt($0, "the settings cannot be read") }
    }

    private static func strength(_ tokens: [Token]) -> [Finding] {
        let readable = tokens.filter { $0.text != nil }
        let unreadable = tokens.filter { $0.text == nil }.map {
            Finding.notLookedAt(.tokenStrength, "token '\($0.caller.name)' cannot be read (\($0.place))")
        }
        guard !readable.isEmpty else {
            return unreadable.isEmpty
                ? [
                    .notApplicable(
                        .tokenStrength, "there is no token yet: the controller creates one at its first start")
                ]
                : unreadable
        }
        let weak = readable.compactMap { token -> Finding? in
            guard let text = token.text else { return nil }
            let noun = "token '\(token.caller.name)' (\(token.place))"
            do throws(AccessKeyError) {
                _ = try AccessKey(token.caller, secret: text)
            } catch {
                return .problem(.tokenStrength, "the controller refuses \(noun): \(error.message)", make(token))
            }
            guard let reason = WeakTextPattern.reason(text) else { return nil }
            return .warning(.tokenStrength, "\(noun) can be guessed: \(reason)", make(token))
        }
        let fine = readable.count - weak.count
        return weak + unreadable
            + (fine > 0
                ? [.ok(.tokenStrength, "\(fine.counted("token")): long enough, without a pattern")] : [])
    }

    private static func make(_ token: Token) -> String {
        token.place.hasPrefix("/")
            ? "(umask 077; openssl rand -hex 32 > \(token.place))" : "openssl rand -hex 32"
    }

    private static func twice(_ tokens: [Token]) -> Finding {
        let owners = Dictionary(grouping: tokens.filter { $0.text != nil }) { $0.text }.values.filter { $0.count > 1 }
        guard let first = owners.map({ $0.map(\.caller.name).sorted() }).min(by: { $0[0] < $1[0] }) else {
            return .ok(.tokenTwice, "no two tokens are the same")
        }
        return .problem(
            .tokenTwice,
            "\(first.map { "'\($0)'" }.joined(separator: " and ")) are the same token: the controller refuses that, for nobody "
                + "could tell who acted", "openssl rand -hex 32 gives each one of its own")
    }

    private static func rights(_ given: [Token], _ isReachableFromNetwork: Bool) -> [Finding] {
        guard !given.isEmpty else {
            return [.ok(.tokenRights, "no token was given to anybody: only this user and root can use the API")]
        }
        var found: [Finding] = []
        let roles = given.map(\.caller.role)
        if roles.allSatisfy({ $0 == .admin }) {
            let names = given.map { "'\($0.caller.name)'" }.joined(separator: ", ")
            found.append(
                .warning(
                    .tokenRights, "every token in the settings has all rights: \(names)",
                    "Add tokens with fewer rights under tokens: - {name: ci, file: FILE, role: operator, namespaces: [NAMESPACE]}"
                ))
        }
        if isReachableFromNetwork, !roles.contains(.metrics) {
            found.append(
                .warning(
                    .tokenRights,
                    "no token has the role metrics: a Prometheus on another machine would need a token with more rights",
                    "Add under tokens: - {name: prometheus, file: FILE, role: metrics}"))
        }
        guard found.isEmpty else { return found }
        let counts = AccessRole.allCases.compactMap { role -> String? in
            let count = roles.count { $0 == role }
            return count == 0 ? nil : "\(count) \(role.rawValue)"
        }
        return [.ok(.tokenRights, "tokens by their roles: \(counts.joined(separator: ", "))")]
    }
}

/// What a token that the controller takes may still hold: something that people think of. Pure.
enum WeakTextPattern {
    private static let words = [
        "password", "passwort", "secret", "changeme", "change-me", "letmein", "qwerty", "admin", "mlctl", "example",
        "default", "token",
    ]
    private static let longestRun = 6

    /// - Returns: nil where no pattern is found. Never contains the text.
    static func reason(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        if hasRun(bytes) { return "it counts up or down, as 123456 or abcdef do" }
        let lower = text.lowercased()
        if words.contains(where: lower.contains) { return "it contains a word that people use for passwords" }
        return nil
    }

    private static func hasRun(_ bytes: [UInt8]) -> Bool {
        for step in [1, -1] {
            var length = 1
            for index in bytes.indices.dropFirst() {
                length = Int(bytes[index]) - Int(bytes[index - 1]) == step ? length + 1 : 1
                if length >= longestRun { return true }
            }
        }
        return false
    }
}
