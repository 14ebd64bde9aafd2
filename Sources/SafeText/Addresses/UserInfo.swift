/// The part of an address before the `@` of its host: a user name, a password or a token.
///
/// Addresses appear in settings, manifests, command lines, logs and the status, and everyone who sees one can use the
/// credentials in it. So mlctl refuses this part in every address. A user name alone is refused too, because a token can stand
/// in its place.
package enum UserInfo {
    /// - Returns: the part as it is written; nil if there is none, or if the address is not of the form `scheme://host`.
    package static func of(_ address: String) -> String? {
        // By scalars: an '@' with a combining mark is still an '@' to the program that connects.
        let scalars = address.unicodeScalars
        guard let start = scalars.firstRange(of: "://".unicodeScalars) else { return nil }
        let authority = scalars[start.upperBound...].prefix { !"/?#".unicodeScalars.contains($0) }
        return authority.lastIndex(of: "@").map { String(authority[..<$0]) }
    }

    package static let problem =
        "contains a user name, a password or a token before the '@', which everyone who sees the address can use"
}
