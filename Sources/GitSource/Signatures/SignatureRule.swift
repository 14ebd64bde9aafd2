import Foundation

/// Whose signature a commit needs: `verify:` of a project.
package enum SignatureRule: Hashable, Sendable {
    /// A file in the form of ssh's allowed signers (ssh-keygen(1), ALLOWED SIGNERS).
    case allowedSigners(String)
    /// A keyring of OpenPGP keys, as `gpg --export` writes it.
    case gpgKeyring(String)

    /// An absolute path.
    package var file: String {
        switch self {
        case .allowedSigners(let file), .gpgKeyring(let file): file
        }
    }

    /// The field in the settings.
    package var field: String {
        switch self {
        case .allowedSigners: "allowedSigners"
        case .gpgKeyring: "gpgKeyring"
        }
    }

    /// A program that always fails. git then accepts no signature of the kinds that the rule does not name.
    private static let refusingProgram = "false"

    /// git's settings under which only keys of the file count, whatever keys the user of the controller trusts.
    var settings: [GitEnvironment.Setting] {
        let refused: [String]
        let own: [GitEnvironment.Setting]
        switch self {
        case .allowedSigners(let file):
            refused = ["gpg.program", "gpg.openpgp.program", "gpg.x509.program"]
            own = [.init("gpg.ssh.allowedSignersFile", file), .init("gpg.minTrustLevel", "fully")]
        case .gpgKeyring:
            refused = ["gpg.ssh.program", "gpg.x509.program"]
            // The file says whom to trust, so trust between keys does not count.
            own = [.init("gpg.minTrustLevel", "undefined")]
        }
        return refused.map { .init($0, Self.refusingProgram) } + own
    }

    /// The configuration of gpg, in a folder that mlctl makes for it; nil where gpg is not used.
    var gpgConfiguration: String? {
        guard case .gpgKeyring(let file) = self else { return nil }
        return """
            no-default-keyring
            keyring \(file)
            trust-model always
            no-auto-check-trustdb
            no-auto-key-retrieve
            no-autostart
            lock-never

            """
    }

    /// What is wrong with the file; nil where it can be used. Whoever may write to it decides whose commits are deployed.
    ///
    /// - Throws: `GitError` with `unsigned`, because nothing can be verified.
    func requireUsableFile() throws(GitError) {
        guard let facts = try? FileManager.default.attributesOfItem(atPath: file),
            let bytes = FileManager.default.contents(atPath: file)
        else {
            throw problem("\(file) is missing or cannot be read; create it, or correct the path")
        }
        guard (facts[.posixPermissions] as? Int ?? 0) & 0o022 == 0 else {
            throw problem("\(file) can be changed by other users, who could add keys: chmod go-w \(file)")
        }
        if case .gpgKeyring = self, bytes.starts(with: Data("-----BEGIN".utf8)) {
            throw problem("\(file) is text; write a keyring with gpg --export KEY > FILE, without --armor")
        }
    }

    private func problem(_ reason: String) -> GitError {
        GitError(.unsigned, "No commit can be verified: 'verify.\(field)': \(reason). What serves stays as it is.")
    }
}
