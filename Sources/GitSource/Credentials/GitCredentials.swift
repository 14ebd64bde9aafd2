import Foundation

/// Where the credentials of a repository's address come from, besides git's own helpers and configuration.
public enum GitCredentialSource: Hashable, Sendable {
    /// A file as git's credential helpers write it (`username=…` and `password=…` on two lines), one of `git
    /// credential-store` (`https://user:password@host` a line), or one line `user:password`.
    case file(String)
    /// A file with a token and nothing else.
    case tokenFile(String, user: String = GitCredentialSource.defaultUser)

    /// Hosts that know tokens take any name, or this one.
    public static let defaultUser = "oauth2"
}

/// A user's name and password or token, for the one origin that they are given for.
struct GitCredentials: Hashable, Sendable {
    static let maximumBytes = 64 << 10

    /// Nil: the git program's own helpers are asked.
    var user: String?
    var password: String?

    init(user: String?, password: String?) {
        self.user = user
        self.password = password
    }

    /// `user`, or `user:password`, percent-encoded.
    init?(userInfo: String) {
        let parts = userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let user = String(parts[0]).removingPercentEncoding else { return nil }
        self.user = user
        guard parts.count == 2 else { return }
        guard let password = String(parts[1]).removingPercentEncoding else { return nil }
        self.password = password
    }

    /// What git's helpers answer (https://git-scm.com/docs/git-credential#IOFMT); nil where that cannot be written.
    var answer: String? {
        let fields = [("username", user), ("password", password)].compactMap { name, value in
            value.map { "\(name)=\($0)\n" }
        }
        let isFit = [user, password].compactMap { $0 }.allSatisfy { value in
            value.unicodeScalars.allSatisfy { $0 != "\n" && $0 != "\r" && $0 != "\0" }
        }
        return isFit ? fields.joined() : nil
    }

    /// What must not be seen. A user's name may be a token.
    var secrets: [String] {
        let together = user.flatMap { user in password.map { "\(user):\($0)" } }
        return [password, password == nil || password == "" ? user : nil, together].compactMap { $0 }.filter {
            !$0.isEmpty
        }
    }
}

/// Reads files with credentials, anew at each call: they may be replaced.
struct GitCredentialReader: Sendable {
    let source: GitCredentialSource
    /// `https://host:port`
    let origin: String

    /// - Throws: `GitError` with `unauthorized`. It names the file, and nothing that is in it.
    func read() throws(GitError) -> GitCredentials {
        switch source {
        case .tokenFile(let path, let user):
            let token = try text(of: path).trimmingCharacters(in: .whitespacesAndNewlines)
            guard !token.isEmpty, !token.unicodeScalars.contains(where: { $0.properties.isWhitespace }) else {
                throw Self.error(path, "it does not hold one token and nothing else")
            }
            return GitCredentials(user: user, password: token)
        case .file(let path):
            let lines = try text(of: path).split(whereSeparator: \.isNewline).map(String.init)
                .filter { !$0.allSatisfy(\.isWhitespace) && !$0.hasPrefix("#") }
            guard let found = Self.credentials(in: lines, for: origin) else {
                throw Self.error(
                    path,
                    "it holds nothing for \(origin): write username=… and password=… on two lines, or "
                        + "https://user:password@host")
            }
            return found
        }
    }

    static func credentials(in lines: [String], for origin: String) -> GitCredentials? {
        var fields: [String: String] = [:]
        for line in lines {
            guard let equals = line.firstIndex(of: "="), !line[..<equals].contains(":") else { continue }
            fields[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        if let user = fields["username"], let password = fields["password"] {
            if let host = fields["host"], origin != "\(fields["protocol"] ?? "https")://\(host.lowercased())" {
                return nil
            }
            return GitCredentials(user: user, password: password)
        }
        for line in lines where line.contains("://") {
            guard let parts = GitAddress(line), let userInfo = parts.userInfo, parts.origin == origin else { continue }
            if let found = GitCredentials(userInfo: userInfo), found.password != nil { return found }
        }
        guard lines.count == 1, !lines[0].contains("://"), let colon = lines[0].firstIndex(of: ":") else { return nil }
        return GitCredentials(
            user: String(lines[0][..<colon]), password: String(lines[0][lines[0].index(after: colon)...]))
    }

    /// - Throws: where it is no file, is too large, or may be changed by others.
    private func text(of path: String) throws(GitError) -> String {
        // A pipe or a device would keep whoever opens it waiting.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw Self.error(path, "it cannot be read (\(String(cString: strerror(errno))))") }
        defer { close(descriptor) }
        var about = stat()
        guard fstat(descriptor, &about) == 0, about.st_mode & S_IFMT == S_IFREG else {
            throw Self.error(path, "it is no file")
        }
        guard about.st_mode & 0o022 == 0 else {
            throw Self.error(path, "others may write to it: run 'chmod 600' on it")
        }
        guard about.st_size <= GitCredentials.maximumBytes else { throw Self.error(path, "it is over 64 KiB") }
        var bytes = [UInt8](repeating: 0, count: GitCredentials.maximumBytes + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { break }
            count += got
        }
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self), count <= GitCredentials.maximumBytes
        else { throw Self.error(path, "it is not UTF-8 text of at most 64 KiB") }
        return text
    }

    private static func error(_ path: String, _ reason: String) -> GitError {
        GitError(.unauthorized, "The credentials in \(path) cannot be used: \(reason).")
    }
}
