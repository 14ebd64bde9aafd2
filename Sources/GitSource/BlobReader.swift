import ModelManifests

/// Reads many blobs with two git processes: one reads the sizes, the other reads the blobs that are small enough.
struct BlobReader: Sendable {
    static let maximumFileBytes = ManifestReader.fileLimitBytes

    let git: GitProgram
    let mirror: String
    let timeout: Duration
    /// Whether blobs above the file limit were left out of the fetch.
    var isPartial = false

    /// - Parameters:
    ///   - ids: one for each file; an id may occur several times.
    ///   - room: the maximum size of all files together, in bytes.
    /// - Throws: `GitError`, such as `damaged` if git cannot read the blobs, or `tooLarge`.
    func read(_ ids: [String], room: Int) async throws -> [String: ManifestFile] {
        guard !ids.isEmpty else { return [:] }
        var contents: [String: ManifestFile] = [:]
        var wanted: [String: Int] = [:]
        for (id, bytes) in try await sizes(of: Set(ids)) {
            guard let bytes else {
                contents[id] = ManifestFile(
                    blob: id, obstacle: isPartial ? .tooLarge(bytes: nil) : .lostContent(blob: id))
                continue
            }
            guard bytes <= Self.maximumFileBytes else {
                contents[id] = ManifestFile(blob: id, obstacle: .tooLarge(bytes: bytes))
                continue
            }
            wanted[id] = bytes
        }
        let totalBytes = ids.reduce(0) { $0 + (wanted[$1] ?? 0) }
        guard totalBytes <= room else {
            throw GitError(
                .tooLarge,
                "The YAML files in \(git.location) have more than \(git.limits.snapshotBytes) bytes together, which is the "
                    + "limit. Point --path at a smaller folder.")
        }
        try await contents.merge(texts(of: Array(wanted.keys), totalBytes: wanted.values.reduce(0, +))) { $1 }
        return contents
    }

    private func sizes(of ids: Set<String>) async throws -> [(String, bytes: Int?)] {
        // A line is `<id> <type> <size>` or `<id> missing`.
        let format = "%(objectname) %(objecttype) %(objectsize)"
        let output = try await call(["cat-file", "--batch-check=\(format)"], ids: ids, limit: ids.count * 128)
        return output.split(separator: UInt8(ascii: "\n")).map { line in
            let fields = line.split(separator: UInt8(ascii: " "))
            let bytes = fields.count == 3 ? Int(String(decoding: fields[2], as: UTF8.self)) : nil
            return (String(decoding: fields.first ?? [], as: UTF8.self), bytes)
        }
    }

    private func texts(of ids: [String], totalBytes: Int) async throws -> [String: ManifestFile] {
        guard !ids.isEmpty else { return [:] }
        let output = try await call(["cat-file", "--batch", "--buffer"], ids: ids, limit: totalBytes + ids.count * 128)
        return Self.contents(ofBatch: output)
    }

    /// `git cat-file --batch`: `<id> <type> <size> LF <bytes> LF`, or `<id> missing LF`.
    static func contents(ofBatch bytes: [UInt8]) -> [String: ManifestFile] {
        var contents: [String: ManifestFile] = [:]
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let fields = rest[..<end].split(separator: UInt8(ascii: " "))
            let id = String(decoding: fields.first ?? [], as: UTF8.self)
            rest = rest[(end + 1)...]
            guard fields.count == 3, let size = Int(String(decoding: fields[2], as: UTF8.self)),
                (0..<rest.count).contains(size)
            else {
                contents[id] = ManifestFile(blob: id, obstacle: .lostContent(blob: id))
                continue
            }
            let body = rest.prefix(size)
            rest = rest.dropFirst(size + 1)
            contents[id] = ManifestFile(blob: id, bytes: Array(body))
        }
        return contents
    }

    private func call(_ arguments: [String], ids: some Collection<String>, limit: Int) async throws -> [UInt8] {
        let task = "Reading files"
        var input: [UInt8] = []
        input.reserveCapacity(ids.count * 65)
        for id in ids {
            input.append(contentsOf: id.utf8)
            input.append(UInt8(ascii: "\n"))
        }
        let output = try await git.run(
            ["--git-dir=\(mirror)"] + arguments, input: input, limit: limit, timeout: timeout, task: task)
        guard output.isSuccess else { throw GitFailure.damage(output.errors, doing: task, from: git.location) }
        return output.bytes
    }
}
