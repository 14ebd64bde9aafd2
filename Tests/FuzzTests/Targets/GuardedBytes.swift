import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Bytes that end at the end of readable memory. A parser that reads one byte further is stopped there, in every build: the
/// language does not check scanners over pointers.
enum GuardedBytes {
    private static let pageBytes = max(sysconf(Int32(_SC_PAGESIZE)), 1)
    private static let roomBytes = (2 * FuzzTarget.bytesMax + pageBytes - 1) / pageBytes * pageBytes
    /// Unused memory regions: mapping a new one costs more than most parsers.
    private static let spare = Mutex<[Int]>([])

    static func reading<Result>(
        _ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let count = bytes.count
        guard count <= roomBytes else {
            throw Violation(description: "\(count) bytes are more than the limit of an input")
        }
        let region = try spare.withLock { $0.popLast() } ?? mapped()
        defer { spare.withLock { $0.append(region) } }
        let target = UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: region + roomBytes - count), count: count)
        target.copyBytes(from: bytes)
        return try body(UnsafeRawBufferPointer(target))
    }

    private static func mapped() throws -> Int {
        guard
            let start = mmap(nil, roomBytes + pageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED, mprotect(start + roomBytes, pageBytes, PROT_NONE) == 0
        else { throw Violation(description: "no memory with a guard page after it: \(errno)") }
        return Int(bitPattern: start)
    }
}
