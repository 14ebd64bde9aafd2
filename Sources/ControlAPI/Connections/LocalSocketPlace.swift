import Glibc

/// A local socket by its folder's descriptor: the path of a socket has room for 107 bytes, and a state folder's own path
/// may be longer. What is opened in the folder is in that folder, whatever becomes of its path.
final class LocalSocketPlace: Sendable {
    private let folder: CInt
    private let name: String

    /// - Throws: `LocalSocketError` where the folder cannot be opened.
    init(path: String) throws(LocalSocketError) {
        guard let slash = path.lastIndex(of: "/"), path.index(after: slash) < path.endIndex else {
            throw LocalSocketError("'\(path)' is no path of a socket")
        }
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw LocalSocketError("\(parent): \(String(cString: strerror(errno)))") }
        name = String(path[path.index(after: slash)...])
    }

    deinit { close(folder) }

    /// Good in this process, as long as this is there.
    var shortPath: String { "/proc/self/fd/\(folder)/\(name)" }

    /// Whose folder it is.
    var owner: UInt32? {
        var about = stat()
        return fstat(folder, &about) == 0 ? about.st_uid : nil
    }

    /// The folder keeps others out already; what stands in it should too.
    func protect() { fchmodat(folder, name, 0o600, 0) }

    func remove() { unlinkat(folder, name, 0) }
}

public struct LocalSocketError: Error, Hashable, CustomStringConvertible {
    public var description: String

    init(_ description: String) { self.description = description }
}
