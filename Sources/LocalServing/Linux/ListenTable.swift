import Glibc

/// Finds who listens on a TCP port, from the kernel's table of listeners and the descriptors of processes.
enum ListenTable {
    enum Owner: Equatable, Sendable {
        /// Nothing listens there.
        case nobody
        /// A process of the given tree.
        case own
        case foreign
    }

    /// Whether a process of `tree` listens on `port`. `first` is checked before the tree is built, because it is nearly always
    /// the one.
    static func owner(ofPort port: Int, first: Int32?, tree: () -> [Int32]) -> Owner {
        let inodes = listeningInodes(port: port)
        guard !inodes.isEmpty else { return .nobody }
        if let first, holdsSocket(first, inodes) { return .own }
        return tree().contains { holdsSocket($0, inodes) } ? .own : .foreign
    }

    static func listeningInodes(port: Int) -> Set<UInt64> {
        var inodes: Set<UInt64> = []
        for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
            forEachLine(of: path) { line in
                guard let socket = Socket(line: line) else { return true }
                if socket.isListening && socket.port == port { inodes.insert(socket.inode) }
                // The kernel lists listeners first. The connections after them, perhaps thousands, are not read.
                return socket.isListening
            }
        }
        return inodes
    }

    /// One line of `/proc/net/tcp` (proc(5)): `sl local_address rem_address st … uid timeout inode`.
    struct Socket: Equatable {
        var port: Int
        var isListening: Bool
        var inode: UInt64

        init?(line: Substring) {
            let fields = line.split(separator: " ", maxSplits: 10)
            guard fields.count >= 10, let colon = fields[1].lastIndex(of: ":"),
                let port = Int(fields[1][fields[1].index(after: colon)...], radix: 16),
                let inode = UInt64(fields[9])
            else { return nil }
            self.port = port
            isListening = fields[3] == "0A"
            self.inode = inode
        }
    }

    static func holdsSocket(_ pid: Int32, _ inodes: Set<UInt64>) -> Bool {
        let path = "/proc/\(pid)/fd"
        guard let folder = opendir(path) else { return false }
        defer { closedir(folder) }
        let targets = Set(inodes.map { Array("socket:[\($0)]".utf8) })
        var buffer = [CChar](repeating: 0, count: 64)
        while let item = readdir(folder) {
            let count = withUnsafeBytes(of: &item.pointee.d_name) { name -> Int in
                guard let start = name.assumingMemoryBound(to: CChar.self).baseAddress else { return 0 }
                return readlinkat(dirfd(folder), start, &buffer, buffer.count)
            }
            guard count > 0 else { continue }
            if targets.contains(buffer[0..<count].map(UInt8.init(bitPattern:))) { return true }
        }
        return false
    }

    /// Calls `body` with each line until it returns false.
    private static func forEachLine(of path: String, _ body: (Substring) -> Bool) {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { return }
        defer { close(raw) }
        var chunk = [UInt8](repeating: 0, count: 1 << 15)
        var rest: [UInt8] = []
        while true {
            let count = read(raw, &chunk, chunk.count)
            guard count > 0 else { return }
            rest.append(contentsOf: chunk[0..<count])
            while let end = rest.firstIndex(of: 10) {
                let line = String(decoding: rest[0..<end], as: UTF8.self)
                rest.removeSubrange(0...end)
                guard body(Substring(line)) else { return }
            }
        }
    }
}
