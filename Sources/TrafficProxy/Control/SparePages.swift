import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Two pages on disk with space allocated in advance, for data that must be saved even while the disk is full.
///
/// They are written in turn, so that an interrupted write leaves the other page intact. Both files stay open, so they work even
/// if the folder accepts no more files.
final class SparePages: Sendable {
    struct Page {
        var sequence: UInt64
        var body: [UInt8]
    }

    private struct State {
        var descriptors: [Int32] = []
        var sequence: UInt64 = 0
        /// Bytes allocated on disk, per page.
        var roomBytes = 0
        var newest: [UInt8]?
    }

    static let leastRoomBytes = 64 << 10
    private static let magic: UInt64 = 0x6d6c_6374_6c53_5031
    private static let headerBytes = 4 * 8

    private let state: Mutex<State>

    /// Reads the existing pages. If the files cannot be created, there is no space and `keep` returns false.
    /// - Parameter path: the prefix of the two pages' paths.
    init(path: String, bytesMax: Int) {
        var state = State()
        var isWritable = true
        for index in 0..<2 {
            let file = "\(path)-\(index)"
            var descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_DSYNC, 0o600)
            if descriptor < 0 {
                isWritable = false
                descriptor = open(file, O_RDONLY | O_CLOEXEC)
            }
            guard descriptor >= 0 else { continue }
            state.descriptors.append(descriptor)
            guard let page = Self.read(descriptor, bytesMax: bytesMax) else { continue }
            if page.sequence > state.sequence { state.newest = page.body }
            state.sequence = max(state.sequence, page.sequence)
        }
        self.state = Mutex(state)
        if isWritable { allocateSpace(for: 0) }
    }

    deinit { state.withLock { $0.descriptors.forEach { close($0) } } }

    /// The data kept last. Nil if there is none.
    var newest: [UInt8]? { state.withLock(\.newest) }

    /// Allocates space for `count` bytes and some reserve, if the disk has it.
    func allocateSpace(for count: Int) {
        state.withLock { state in
            let wanted = count + count / 4 + Self.headerBytes
            guard state.descriptors.count == 2, wanted > state.roomBytes || state.roomBytes == 0 else { return }
            let room = (wanted + Self.leastRoomBytes - 1) / Self.leastRoomBytes * Self.leastRoomBytes
            let isTaken = state.descriptors.allSatisfy { posix_fallocate($0, 0, off_t(room)) == 0 }
            if isTaken { state.roomBytes = room }
        }
    }

    /// - Returns: false if there is no space, or if the write fails.
    func keep(_ body: [UInt8]) -> Bool {
        state.withLock { state in
            guard Self.headerBytes + body.count <= state.roomBytes else { return false }
            let sequence = state.sequence + 1
            let bytes = Self.bytes(of: Page(sequence: sequence, body: body))
            guard Self.write(bytes, to: state.descriptors[Int(sequence % 2)]) else { return false }
            state.sequence = sequence
            state.newest = body
            return true
        }
    }

    /// Discards what was kept.
    func clear() {
        state.withLock { state in
            guard state.newest != nil else { return }
            let nothing = [UInt8](repeating: 0, count: Self.headerBytes)
            for descriptor in state.descriptors { _ = Self.write(nothing, to: descriptor) }
            state.newest = nil
        }
    }

    // MARK: Bytes

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) } == bytes.count
    }

    private static func read(_ descriptor: Int32, bytesMax: Int) -> Page? {
        var header = [UInt8](repeating: 0, count: headerBytes)
        guard pread(descriptor, &header, headerBytes, 0) == headerBytes,
            let count = bodyBytes(header, bytesMax: bytesMax)
        else { return nil }
        var body = [UInt8](repeating: 0, count: count)
        guard pread(descriptor, &body, count, off_t(headerBytes)) == count else { return nil }
        return page(in: header + body, bytesMax: bytesMax)
    }

    /// - Returns: nil if the bytes are not a page, or are incomplete.
    static func page(in bytes: [UInt8], bytesMax: Int) -> Page? {
        guard let count = bodyBytes(bytes, bytesMax: bytesMax), count <= bytes.count - headerBytes else { return nil }
        let body = Array(bytes[headerBytes..<headerBytes + count])
        return checksum(body) == word(3, bytes) ? Page(sequence: word(1, bytes), body: body) : nil
    }

    static func bytes(of page: Page) -> [UInt8] {
        [magic, page.sequence, UInt64(page.body.count), checksum(page.body)].flatMap(bytes) + page.body
    }

    /// The body's length according to the header. Nil if it is not a header.
    private static func bodyBytes(_ header: [UInt8], bytesMax: Int) -> Int? {
        guard header.count >= headerBytes, word(0, header) == magic, let count = Int(exactly: word(2, header)),
            count <= bytesMax
        else { return nil }
        return count
    }

    private static func word(_ index: Int, _ bytes: [UInt8]) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(bytes[index * 8 + $1]) << UInt64($1 * 8) }
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (UInt64($0) * 8)) }
    }

    /// FNV-1a, 64 bits. It only has to detect an interrupted write.
    private static func checksum(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 }
    }
}
