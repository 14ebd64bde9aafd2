import Foundation
import Glibc

/// A file in the state folder by which programs find the running controller.
struct ControllerRecord: Codable {
    var api: String
    var pid: Int32
    /// The version of the controller's program; nil for old versions, which did not record it.
    var version: String?

    /// The socket where the controller serves its own user and root, without a token.
    static let socketName = "api.sock"

    private static let mostBytes = 16 << 10

    static func file(in state: URL) -> URL { state.appending(path: "controller.json") }

    static func socket(in state: URL) -> URL { state.appending(path: socketName) }

    static func read(in state: URL) -> ControllerRecord? {
        let path = file(in: state).path(percentEncoded: false)
        guard let bytes = try? TokenFile.bytes(of: path, most: mostBytes) else { return nil }
        return try? JSONDecoder().decode(ControllerRecord.self, from: Data(bytes))
    }

    static func hasSocket(in state: URL) -> Bool {
        var about = stat()
        let path = socket(in: state).path(percentEncoded: false)
        return lstat(path, &about) == 0 && about.st_mode & S_IFMT == S_IFSOCK
    }
}
