/// Where one call of git goes, and with what.
///
/// The user's own configuration may write addresses anew (`url.https://token@host/.insteadOf`), with credentials in them:
/// git would put those on the command lines of its children. So the address is asked for first, what is secret is taken out
/// of it, and git is given a word that stands for the rest.
struct SourceContact: Sendable {
    /// What git is given in the address's place. No configuration writes it anew but ours.
    static let word = "mlctl:source"

    let settings: [GitEnvironment.Setting]
    let credentials: GitCredentials?
    /// To which they are kept.
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
        // What was given for this one host is not for another that the address is written to.
        let isSameHost = GitAddress(address)?.origin == origin
        credentials = isSameHost ? given ?? found : found
        self.origin = origin
        settings = [GitEnvironment.Setting("url.\(target).insteadOf", Self.word)]
    }
}
