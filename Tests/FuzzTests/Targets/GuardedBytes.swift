#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Bytes whose end is the end of what the process may read. A parser that reads one byte further is stopped there, in any
/// build: a scanner over pointers is not checked by the language.
enum GuardedBytes {
    private static let pageBytes = max(sysconf(Int32(_SC_PAGESIZE)), 1)

    static func reading<Result>(
        _ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let count = bytes.count
        let room = (count + pageBytes - 1) / pageBytes * pageBytes
        let whole = room + pageBytes
        guard let start = mmap(nil, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else { throw Violation(description: "no memory for \(count) bytes: \(errno)") }
        defer { munmap(start, whole) }
        mprotect(start + room, pageBytes, PROT_NONE)
        let target = UnsafeMutableRawBufferPointer(start: start + (room - count), count: count)
        target.copyBytes(from: bytes)
        return try body(UnsafeRawBufferPointer(target))
    }
}
