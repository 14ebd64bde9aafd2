import Foundation

/// Where the credentials for a repository's address come from, in addition to git's own helpers and configuration.
package enum GitCredentialSource: Hashable, Sendable {
    /// A file in the format of git's credential helpers (`username=…` and `password=…` on two lines), in the format of `git
    /// credential-store` (lines of `https://user:password@host`), or a single line `user:password`.
    case file(String)
    /// A file that contains only a token.
    case tokenFile(String, user: String = GitCredentialSource.defaultUser)

    /// Hosts that accept tokens accept any user name, or this one.
    package static let defaultUser = "oauth2"
}

/// A user name and a password or token. They are used for one origin only.
struct GitCredentials: Hashable, Sendable {
    static let maximumBytes = 64 << 10

    /// Nil: git's own helpers are asked.
    var user: String?
    var password: String?

    init(user: String?, password: String?) {
        self.user = user
        self.password = password
    }

    /// Parses `user` or `user:password`, percent-encoded.
    init?(userInfo: String) {
        let parts = userInfo.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let user = String(parts[0]).removingPercentEncoding else { return nil }
        self.user = user
        guard parts.count == 2 else { return }
        guard let password = String(parts[1]).removingPercentEncoding else { return nil }
        self.password = password
    }

    /// The answer of a credential helper (https://git-scm.com/docs/git-credential#IOFMT); nil if a value cannot be written in it.
    var answer: String? {
        let fields = [("username", user), ("password", password)].compactMap { name, value in
            value.map { "\(name)=\($0)\n" }
        }
        let isFit = [user, password].compactMap { $0 }.allSatisfy { value in
            value.unicodeScalars.allSatisfy { $0 != "\n" && $0 != "\r" && $0 != "\0" }
        }
        return isFit ? fields.joined() : nil
    }

    /// The values to redact. A user name without a password may be a token.
    var secrets: [String] {
        let together = user.flatMap { user in password.map { "\(user):\($0)" } }
        return [password, password == nil || password == "" ? user : nil, together].compactMap { $0 }.filter {
            !$0.isEmpty
        }
    }
}

/// Reads a credentials file on each call, because the file may be replaced.
struct GitCredentialReader: Sendable {
    let source: GitCredentialSource
    /// `https://host:port`
    let origin: String

    /// - Throws: `GitError` with `unauthorized`. It names the file but nothing from its content.
    func read() throws(GitError) -> GitCredentials {
        switch source {
        case .tokenFile(let path, let user):
            let token = try text(of: path).trimmingCharacters(in: .whitespacesAndNewlines)
            guard !token.isEmpty, !token.unicodeScalars.contains(where: { $0.properties.isWhitespace }) else {
                throw Self.error(path, "it must contain one token and nothing else")
            }
            return GitCredentials(user: user, password: token)
        case .file(let path):
            let lines = try text(of: path).split(whereSeparator: \.isNewline).map(String.init)
                .filter { !$0.allSatisfy(\.isWhitespace) && !$0.hasPrefix("#") }
            guard let found = Self.credentials(in: lines, for: origin) else {
                throw Self.error(
                    path,
                    "it has no credentials for \(origin): write username=… and password=… on two lines, or "
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

    /// - Throws: `GitError` if it is not a file, is too large, or may be changed by other users.
    private func text(of path: String) throws(GitError) -> String {
        // O_NONBLOCK, because opening a pipe or a device could block.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw Self.error(path, "it cannot be read (\(String(cString: strerror(errno))))") }
        defer { close(descriptor) }
        var about = stat()
        guard fstat(descriptor, &about) == 0, about.st_mode & S_IFMT == S_IFREG else {
            throw Self.error(path, "it is not a regular file")
        }
        guard about.st_mode & 0o022 == 0 else {
            throw Self.error(path, "other users may write to it: run 'chmod 600' on it")
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
