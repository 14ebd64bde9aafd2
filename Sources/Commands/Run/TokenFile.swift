import ControlAPI
import Foundation
import Glibc

/// A file that contains one token.
struct TokenFile: Hashable, Sendable {
    /// Larger than any token.
    static let mostBytes = 4096

    var path: String

    /// - Throws: `TrustProblem` where others can read or change the file, or where it cannot be read. Never contains the token.
    func read(_ rules: TrustRules = .ofThisProcess()) throws -> String {
        if let problem = try TrustedPlaces.problem(with: path, as: .secret, rules) { throw problem }
        let bytes = try Self.bytes(of: path, most: Self.mostBytes)
        return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// Reads a regular file; opening a pipe does not block.
    static func bytes(of path: String, most: Int) throws -> [UInt8] {
        func problem(_ reason: String) -> TrustProblem {
            TrustProblem(path: path, reason: reason, advice: "Check the path, and that this user may read it")
        }
        let raw = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard raw >= 0 else { throw problem(String(cString: strerror(errno)).lowercased()) }
        let file = FileHandle(fileDescriptor: raw, closeOnDealloc: true)
        var about = stat()
        guard fstat(raw, &about) == 0, about.st_mode & S_IFMT == S_IFREG else {
            throw problem("it is not a regular file")
        }
        let data: Data
        do { data = try file.read(upToCount: most + 1) ?? Data() } catch { throw problem("it cannot be read") }
        guard data.count <= most else { throw problem("it has more than \(most) bytes") }
        return Array(data)
    }

    /// The token of the state folder. It is created where it does not exist, so removing the file gives a new token.
    /// - Parameter spare: the token where the folder cannot be written. Only this process knows it.
    /// - Throws: `TrustProblem` where the existing token cannot be used.
    static func ofState(
        _ folder: URL, spare: String = TokenFile.random(), rules: TrustRules = .ofThisProcess()
    ) throws -> String {
        let file = TokenFile(path: folder.appending(path: Self.stateName).path(percentEncoded: false))
        if access(file.path, F_OK) == 0 { return try file.read(rules) }
        guard file.create(TokenFile.random()) else { return spare }
        return try file.read(rules)
    }

    static let stateName = "token"
    private static let randomBytes = 32

    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<randomBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    /// Writes the file completely or not at all, readable by its owner only, and never replaces an existing one.
    /// - Returns: whether a token exists now.
    private func create(_ token: String) -> Bool {
        let draft = "\(path).\(getpid()).new"
        unlink(draft)
        let raw = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard raw >= 0 else { return false }
        defer { unlink(draft) }
        let file = FileHandle(fileDescriptor: raw, closeOnDealloc: true)
        guard (try? file.write(contentsOf: Data((token + "\n").utf8))) != nil, (try? file.synchronize()) != nil else {
            return false
        }
        return link(draft, path) == 0 || errno == EEXIST
    }
}
