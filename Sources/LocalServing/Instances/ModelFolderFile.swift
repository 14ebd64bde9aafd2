import Foundation

/// A file in the model's folder that a manifest names.
struct ModelFolderFile: Hashable, Sendable {
    let path: String
    let name: String
    let maximumBytes: Int

    /// - Parameter field: the manifest's field, for messages.
    /// - Throws: `LocalServingError.invalidCommand` if the name leads out of the folder.
    init(_ name: String, field: String, in folder: String, maximumBytes: Int) throws {
        let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        path = URL(fileURLWithPath: name, relativeTo: URL(fileURLWithPath: root + "/")).resolvingSymlinksInPath().path
        guard path.hasPrefix(root + "/") else {
            throw Self.error("\(field) \(name) leads out of the model's folder. Name a file in it.")
        }
        self.name = name
        self.maximumBytes = maximumBytes
    }

    /// - Returns: nil if the file does not exist.
    /// - Throws: `LocalServingError.invalidCommand` if the file is too large.
    func read() throws -> [UInt8]? {
        guard let bytes = readSmallFile(path, limit: maximumBytes + 1) else { return nil }
        guard bytes.count <= maximumBytes else {
            throw Self.error("\(name) is over \(maximumBytes >> 20) MiB. Keep fewer requests in it.")
        }
        return bytes
    }

    private static func error(_ message: String) -> LocalServingError {
        LocalServingError(.invalidCommand, message)
    }
}
