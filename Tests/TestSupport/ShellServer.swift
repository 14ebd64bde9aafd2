import Foundation
import Glibc

/// OpenSSH's server on a loopback port, with one user key and a host key that can be changed.
package final class ShellServer {
    package let port: Int
    /// An ssh command for git: the user's key, and a known_hosts file of its own.
    package let command: String
    package let knownHosts: URL
    private let folder: URL
    private var process: ChildProcess?

    package static var isPossible: Bool {
        FileManager.default.isExecutableFile(atPath: daemon) && getuid() == 0
            && (try? ChildProcess.run(["which", "ssh-keygen"])) != nil
    }

    private static let daemon = "/usr/sbin/sshd"

    package init(in folder: URL) throws {
        self.folder = folder.appending(path: "sshd")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        let path = self.folder.path(percentEncoded: false)
        port = Int.random(in: 20_000..<30_000)
        knownHosts = self.folder.appending(path: "known_hosts")
        command =
            "ssh -p \(port) -i \(path)/user -o UserKnownHostsFile=\(path)/known_hosts -o StrictHostKeyChecking=yes "
            + "-o IdentitiesOnly=yes -F /dev/null"
        try ChildProcess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(path)/user"])
        try changeHostKey()
        try trustHostKey()
    }

    /// The server has another host key from now on.
    package func changeHostKey() throws {
        process?.stop()
        let path = folder.path(percentEncoded: false)
        for name in ["host", "host.pub"] { try? FileManager.default.removeItem(atPath: "\(path)/\(name)") }
        try ChildProcess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(path)/host"])
        process = try ChildProcess([
            Self.daemon, "-D", "-e", "-f", "/dev/null", "-p", "\(port)", "-h", "\(path)/host",
            "-o", "ListenAddress=127.0.0.1", "-o", "AuthorizedKeysFile=\(path)/user.pub", "-o", "StrictModes=no",
            "-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no", "-o", "PermitRootLogin=yes",
            "-o", "PidFile=none", "-o", "UsePAM=no",
        ])
        for _ in 0..<200 where (try? ChildProcess.run(["ssh-keyscan", "-p", "\(port)", "127.0.0.1"]))?.isEmpty != false
        {
            continue
        }
    }

    package func trustHostKey() throws {
        let key = try String(contentsOf: folder.appending(path: "host.pub"), encoding: .utf8)
        try "[127.0.0.1]:\(port) \(key)".write(to: knownHosts, atomically: true, encoding: .utf8)
    }

    /// The user's key is not accepted any more.
    package func revokeUserKey() throws {
        try FileManager.default.removeItem(at: folder.appending(path: "user.pub"))
    }

    package func stop() { process?.stop() }
}
