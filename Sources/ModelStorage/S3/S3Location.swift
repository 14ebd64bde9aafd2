/// `s3://BUCKET/KEY`: one object, or all objects below `KEY/`. `?versionId=` pins one object's version.
struct S3Location: ObjectLocation {
    static let form = "s3://BUCKET/PATH"
    static let bucketLength = 3...63

    let bucket: String
    let path: ObjectPath
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
        guard let path = ObjectPath(place.dropFirst(bucket.utf8.count)) else {
            throw refused("names no object", "Write the path without '..', '.', empty parts and '%2F'.")
        }
        self.path = path
        guard let query, !query.isEmpty else {
            version = nil
            return
        }
        let parts = query.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "versionId", let version = String(parts[1]).removingPercentEncoding,
            !version.isEmpty, !version.contains("&"), !path.isFolder
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

    var key: String { path.name }

    var description: String { "s3://\(bucket)/\(key)" }
}
