import Foundation
import Glibc

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
            // The program too: one that the user has set could say of anybody that they signed.
            own = [
                .init("gpg.ssh.program", "ssh-keygen"), .init("gpg.ssh.allowedSignersFile", file),
                .init("gpg.minTrustLevel", "fully"),
            ]
        case .gpgKeyring:
            refused = ["gpg.ssh.program", "gpg.x509.program"]
            // The file says whom to trust, so trust between keys does not count.
            own = [
                .init("gpg.program", "gpg"), .init("gpg.openpgp.program", "gpg"),
                .init("gpg.minTrustLevel", "undefined"),
            ]
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
        // Files that are mounted into a pod are links.
        let place = URL(fileURLWithPath: file).resolvingSymlinksInPath().path
        guard let facts = try? FileManager.default.attributesOfItem(atPath: place),
            let bytes = FileManager.default.contents(atPath: place)
        else {
            throw problem("\(file) is missing or cannot be read; create it, or correct the path")
        }
        guard (facts[.posixPermissions] as? Int ?? 0) & 0o022 == 0 else {
            throw problem("\(file) can be changed by other users, who could add keys: chmod go-w \(place)")
        }
        guard let owner = facts[.ownerAccountID] as? Int, [0, Int(geteuid())].contains(owner) else {
            throw problem("\(file) belongs to another user, who could add keys: chown root \(place)")
        }
        try requireKeys(in: bytes)
    }

    private func requireKeys(in bytes: Data) throws(GitError) {
        switch self {
        case .allowedSigners:
            // "alice@example.com ssh-ed25519 AAAA…"
            guard String(decoding: bytes, as: UTF8.self).contains(#/(?m)^[^#\s]\S*\s.*(?:ssh-|ecdsa-|sk-)\S+\s+AAAA/#)
            else {
                throw problem("\(file) names no key; write a line ADDRESS KEY-TYPE KEY for each person who may sign")
            }
        case .gpgKeyring:
            guard !bytes.starts(with: Data("-----BEGIN".utf8)) else {
                throw problem("\(file) is text; write a keyring with gpg --export KEY > FILE, without --armor")
            }
            // A packet begins with a set high bit (RFC 9580, section 4.2).
            guard let first = bytes.first, first & 0x80 != 0 else {
                throw problem("\(file) is no keyring; write one with gpg --export KEY > FILE")
            }
        }
    }

    private func problem(_ reason: String) -> GitError {
        GitError(.unsigned, "No commit can be verified: 'verify.\(field)': \(reason). What serves stays as it is.")
    }
}
