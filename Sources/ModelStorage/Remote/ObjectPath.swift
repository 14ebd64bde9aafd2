/// The part of an address after its bucket or container. Pure.
struct ObjectPath: Hashable, Sendable {
    /// Decoded, without slashes at its ends.
    let name: String
    /// Whether the address ends with a slash: an object named `name` is not looked for.
    let isFolder: Bool

    /// - Parameter text: percent-encoded.
    /// - Returns: nil if it names nothing, or has '..', '.', empty parts or an encoded slash.
    init?(_ text: Substring) {
        var path = text.drop { $0 == "/" }
        isFolder = path.hasSuffix("/")
        while path.hasSuffix("/") { path = path.dropLast() }
        guard let name = path.removingPercentEncoding, PathSet.isUsable(name), !path.lowercased().contains("%2f") else {
            return nil
        }
        self.name = name
    }

    var fileName: String { name.split(separator: "/").last.map(String.init) ?? name }
}

/// An address of objects in a bucket or a container.
protocol ObjectLocation: Hashable, Sendable, CustomStringConvertible {
    var path: ObjectPath { get }
}

extension ObjectLocation {
    var isFolder: Bool { path.isFolder }
    var fileName: String { path.fileName }
}
