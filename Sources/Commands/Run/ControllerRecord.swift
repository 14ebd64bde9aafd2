import Foundation
import Glibc

/// What a running controller leaves in its state folder, for those who want to reach it.
struct ControllerRecord: Codable {
    var api: String
    var pid: Int32
    /// Of the controller's program; nil: one that did not say so yet.
    var version: String?

    /// Where it answers its own user and root, without a token.
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
