/// `s3://BUCKET/KEY`: one object, or all objects below `KEY/`. `?versionId=` pins one object's version.
struct S3Location: Hashable, Sendable, CustomStringConvertible {
    static let form = "s3://BUCKET/PATH"
    static let bucketLength = 3...63

    let bucket: String
    /// Decoded, without slashes at its ends.
    let key: String
    /// Whether the URI ends with a slash: an object named `key` is not looked for.
    let isFolder: Bool
    let version: String?

    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        func refused(_ reason: String, _ advice: String = "Write it as \(Self.form).") -> StorageError {
            StorageError(.unsupported, "'\(safe)' \(reason). \(advice)")
        }
        let rest = uri.drop { $0 != ":" }.dropFirst()
        guard rest.hasPrefix("//"), !rest.contains("#"), !rest.contains("\\") else {
            throw refused("is not an address in S3", "Write it as \(Self.form), with %23 for '#'.")
        }
        let query = rest.firstIndex(of: "?").map { rest[rest.index(after: $0)...] }
        let place = rest.dropFirst(2).prefix { $0 != "?" }
        bucket = String(place.prefix { $0 != "/" })
        guard Self.isBucket(bucket) else {
            throw refused("names no bucket", "A bucket has 3 to 63 lower-case letters, digits, '-' and '.'.")
        }
        var path = place.dropFirst(bucket.utf8.count).drop { $0 == "/" }
        isFolder = path.hasSuffix("/")
        while path.hasSuffix("/") { path = path.dropLast() }
        guard let key = path.removingPercentEncoding, PathSet.isUsable(key), !path.contains("%2f"),
            !path.contains("%2F")
        else { throw refused("names no object", "Write the path without '..', '.', empty parts and '%2F'.") }
        self.key = key
        guard let query, !query.isEmpty else {
            version = nil
            return
        }
        let parts = query.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "versionId", let version = String(parts[1]).removingPercentEncoding,
            !version.isEmpty, !version.contains("&"), !isFolder
        else { throw refused("has a query other than '?versionId='", "Name the version of one object, or none.") }
        self.version = version
    }

    static func isBucket(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard bucketLength.contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
        let isPlain: (UInt8) -> Bool = { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
        return isPlain(first) && isPlain(last) && !name.contains("..")
            && bytes.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    var fileName: String { key.split(separator: "/").last.map(String.init) ?? key }

    var description: String { "s3://\(bucket)/\(key)" }
}
