/// What an address says before the `@` of its host: a name, a password, a token.
///
/// An address stands in settings, manifests, command lines, logs and the status: whoever sees it can use what is in it. So no
/// address of mlctl's may hold any; a token as the user's name looks like a name, so a name alone is none either.
package enum UserInfo {
    /// - Returns: as it is written; nil where there is none, or where this is no `scheme://host`.
    package static func of(_ address: String) -> String? {
        // By scalars: a host with a mark upon its '@' is that '@' to whoever connects.
        let scalars = address.unicodeScalars
        guard let start = scalars.firstRange(of: "://".unicodeScalars) else { return nil }
        let authority = scalars[start.upperBound...].prefix { !"/?#".unicodeScalars.contains($0) }
        return authority.lastIndex(of: "@").map { String(authority[..<$0]) }
    }

    package static let problem =
        "holds a user, a password or a token before the '@', which whoever sees the address can use"
}
