import Glibc

/// The disk usage of a folder.
enum FolderSize {
    /// More entries than a mirror ever has. Entries beyond this are not counted.
    static let maximumEntries = 200_000

    /// The bytes of all files below. Links are not followed; entries that cannot be read count as 0.
    static func bytes(of folder: String) -> Int {
        var waiting = [folder]
        var bytes = 0
        var entries = 0
        while let next = waiting.popLast(), entries < maximumEntries {
            guard let stream = opendir(next) else { continue }
            defer { closedir(stream) }
            while let entry = readdir(stream), entries < maximumEntries {
                entries += 1
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) {
                        String(cString: $0)
                    }
                }
                guard name != ".", name != ".." else { continue }
                var about = stat()
                guard lstat("\(next)/\(name)", &about) == 0 else { continue }
                if about.st_mode & S_IFMT == S_IFDIR { waiting.append("\(next)/\(name)") }
                bytes += Int(about.st_blocks) * 512
            }
        }
        return bytes
    }
}
