/// The address and the credentials for one call of git.
///
/// The user's own git configuration may rewrite addresses (`url.https://token@host/.insteadOf`) to ones with credentials. git
/// would then put these on the command lines of its child processes. Therefore mlctl asks git for the rewritten address first and
/// takes the secrets out of it. git gets a placeholder, which a setting of this call maps to the address without secrets.
struct ResolvedAddress: Sendable {
    /// The placeholder that git gets in place of the address. Only mlctl's own setting rewrites it.
    static let word = "mlctl:source"

    let settings: [GitEnvironment.Setting]
    let credentials: GitCredentials?
    /// The only origin that gets the credentials.
    let origin: String?

    /// - Parameters:
    ///   - written: the address as the user's configuration has it.
    ///   - given: what the file holds that the settings name.
    init(address: String, written: String?, given: GitCredentials?) {
        var target = address
        var found: GitCredentials?
        var origin: String?
        if let written, !written.isEmpty { target = written }
        if let parts = GitAddress(target), parts.scheme == "https" {
            found = parts.userInfo.flatMap { GitCredentials(userInfo: $0) }
            origin = parts.origin
            target = parts.origin + parts.path + parts.rest
        }
        // Credentials that were given for one host are not sent to another host that the address is rewritten to.
        let isSameHost = GitAddress(address)?.origin == origin
        credentials = isSameHost ? given ?? found : found
        self.origin = origin
        settings = [GitEnvironment.Setting("url.\(target).insteadOf", Self.word)]
    }
}
