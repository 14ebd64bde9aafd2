import Glibc

/// A local socket, addressed through a descriptor of its folder. A socket's path is limited to 107 bytes, and the path of the
/// state folder may be longer. The descriptor keeps referring to the same folder, even if its path changes.
final class LocalSocketPlace: Sendable {
    private let folder: CInt
    private let name: String

    /// - Throws: `LocalSocketError` if the folder cannot be opened.
    init(path: String) throws(LocalSocketError) {
        guard let slash = path.lastIndex(of: "/"), path.index(after: slash) < path.endIndex else {
            throw LocalSocketError("'\(path)' is not the path of a socket")
        }
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw LocalSocketError("\(parent): \(String(cString: strerror(errno)))") }
        name = String(path[path.index(after: slash)...])
    }

    deinit { close(folder) }

    /// Valid in this process, as long as this object exists.
    var shortPath: String { "/proc/self/fd/\(folder)/\(name)" }

    /// The owner of the folder.
    var owner: UInt32? {
        var about = stat()
        return fstat(folder, &about) == 0 ? about.st_uid : nil
    }

    /// The folder already keeps other users out; the socket itself is protected as well.
    func protect() { fchmodat(folder, name, 0o600, 0) }

    func remove() { unlinkat(folder, name, 0) }
}

package struct LocalSocketError: Error, Hashable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
