/// `gs://BUCKET/PATH`: one object, or all objects below `PATH/`. `#GENERATION` pins one object's generation, as `gcloud storage`
/// writes it.
struct GoogleLocation: ObjectLocation {
    static let form = "gs://BUCKET/PATH"

    let bucket: String
    let path: ObjectPath
    let generation: Int64?

    /// - Throws: `StorageError` with `unsupported`.
    init(_ uri: String) throws(StorageError) {
        let safe = WebLocation.redacted(uri)
        func refused(_ reason: String, _ advice: String = "Write it as \(Self.form).") -> StorageError {
            StorageError(.unsupported, "'\(safe)' \(reason). \(advice)")
        }
        let rest = uri.drop { $0 != ":" }.dropFirst()
        guard rest.hasPrefix("//"), !rest.contains("?"), !rest.contains("\\") else {
            throw refused("is not an address in Cloud Storage", "Write it as \(Self.form), with %3F for '?'.")
        }
        let place = rest.dropFirst(2).prefix { $0 != "#" }
        let mark = rest.dropFirst(2 + place.utf8.count).dropFirst()
        bucket = String(place.prefix { $0 != "/" })
        guard Self.isBucket(bucket) else {
            throw refused("names no bucket", "A bucket has lower-case letters, digits, '-', '_' and '.'.")
        }
        guard let path = ObjectPath(place.dropFirst(bucket.utf8.count)) else {
            throw refused("names no object", "Write the path without '..', '.', empty parts and '%2F'.")
        }
        self.path = path
        guard rest.contains("#") else {
            generation = nil
            return
        }
        guard let number = Int64(mark), number > 0, !path.isFolder else {
            throw refused("has no generation after '#'", "Write the generation of one object, or none.")
        }
        generation = number
    }

    static func isBucket(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        let isPlain: (UInt8) -> Bool = { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
        guard (3...222).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
        return isPlain(first) && isPlain(last) && !name.contains("..")
            && bytes.allSatisfy { isPlain($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    var name: String { path.name }

    var description: String { "gs://\(bucket)/\(name)" + (generation.map { "#\($0)" } ?? "") }
}
