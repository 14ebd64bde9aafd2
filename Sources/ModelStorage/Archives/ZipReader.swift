import CZlib

/// Reads a zip archive, with zip64, stored and deflated entries.
///
/// Encrypted and overlapping entries are refused, and names that differ between an entry and the directory.
struct ZipReader<Bytes: RandomBytes> {
    struct Item: Hashable, Sendable {
        var entry: ArchiveEntry
        /// The content is the target of a symbolic link.
        var isLink: Bool
        fileprivate var isDeflated: Bool
        fileprivate var checksum: UInt32
        fileprivate var compressed: Int64
        fileprivate var header: Int64
    }

    private static var endBytes: Int { 22 }
    private static var maximumCommentBytes: Int { 65_535 }
    private static var maximumDirectoryBytes: Int64 { 64 << 20 }
    private static var unix: UInt16 { 3 }
    private static var linkBytes: Int64 { 4096 }

    private let bytes: Bytes
    let items: [Item]

    /// Reads the directory.
    init(_ bytes: Bytes, maximumFiles: Int) throws {
        self.bytes = bytes
        let end = try Self.end(of: bytes)
        guard end.count <= maximumFiles else {
            throw ArchiveFault.tooManyFiles(maximumFiles)
        }
        guard end.size <= Self.maximumDirectoryBytes else {
            throw ArchiveFault(
                code: .tooLarge, reason: "its directory has more than \(SizeText.of(Self.maximumDirectoryBytes))")
        }
        guard end.start >= 0, end.size >= 0, end.start <= bytes.count - end.size else { throw Self.damaged }
        let directory = Fields(try Self.bytes(bytes, at: end.start, count: Int(end.size)))
        var items: [Item] = []
        var position = 0
        while items.count < end.count {
            let (item, next) = try Self.item(directory, at: position)
            items.append(item)
            position = next
        }
        guard position == directory.count else { throw Self.damaged }
        self.items = items
        try Self.checkPlaces(items, before: end.start)
    }

    /// Passes the content of an entry to `body`, and checks its size and checksum.
    func read(_ item: Item, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let range = try content(item)
        var checksum = UInt32(0)
        var count: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileCall.bufferBytes, alignment: 16)
        defer { buffer.deallocate() }
        func pass(_ source: inout some ByteSource) throws {
            while true {
                let read = try source.read(into: buffer)
                if read == 0 { return }
                count += Int64(read)
                guard count <= item.entry.bytes else { throw Self.damaged }
                let piece = UnsafeRawBufferPointer(rebasing: buffer[..<read])
                checksum = UInt32(
                    truncatingIfNeeded: crc32(
                        UInt(checksum), piece.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(read)))
                try body(piece)
            }
        }
        if item.isDeflated {
            var source = try InflatingSource(range, .raw)
            try pass(&source)
        } else {
            var source = range
            try pass(&source)
        }
        guard count == item.entry.bytes, checksum == item.checksum else {
            throw ArchiveFault(reason: "'\(item.entry.path.prefix(200))' in it is damaged")
        }
    }

    /// The target of a symbolic link.
    func target(_ item: Item) throws -> String {
        guard item.entry.bytes <= Self.linkBytes else { throw Self.damaged }
        var bytes: [UInt8] = []
        try read(item) { bytes += $0 }
        return try Self.name(bytes[...])
    }

    private func content(_ item: Item) throws -> ByteRange<Bytes> {
        let header = Fields(try Self.bytes(bytes, at: item.header, count: 30))
        guard header.u32(0) == 0x0403_4B50 else { throw Self.damaged }
        let name = Int(header.u16(26))
        let start = item.header + 30 + Int64(name) + Int64(header.u16(28))
        let written = try Self.bytes(bytes, at: item.header + 30, count: name)
        guard written.elementsEqual(item.entry.path.utf8), start <= bytes.count - item.compressed else {
            throw Self.damaged
        }
        return ByteRange(bytes: bytes, position: start, end: start + item.compressed)
    }

    // MARK: - Directory

    private static func end(of bytes: Bytes) throws -> (count: Int, start: Int64, size: Int64) {
        let tailBytes = Int(min(bytes.count, Int64(endBytes + maximumCommentBytes)))
        let tail = Fields(try Self.bytes(bytes, at: bytes.count - Int64(tailBytes), count: tailBytes))
        let found = stride(from: tail.count - endBytes, through: 0, by: -1).first { place in
            tail.u32(place) == 0x0605_4B50 && Int(tail.u16(place + 20)) == tail.count - place - endBytes
        }
        guard let found else { throw damaged }
        guard tail.u16(found + 4) == 0 || tail.u16(found + 4) == 0xFFFF else {
            throw ArchiveFault(reason: "it is one part of several", advice: "Pack it into one file.")
        }
        let short = (
            count: Int(tail.u16(found + 10)), start: Int64(tail.u32(found + 16)), size: Int64(tail.u32(found + 12))
        )
        guard short.count == 0xFFFF || short.start == 0xFFFF_FFFF || short.size == 0xFFFF_FFFF else { return short }
        let locator = bytes.count - Int64(tailBytes) + Int64(found) - 20
        guard locator >= 0 else { return short }
        let place = Fields(try Self.bytes(bytes, at: locator, count: 20))
        guard place.u32(0) == 0x0706_4B50 else { return short }
        let record = Fields(try Self.bytes(bytes, at: try signed(place.u64(8)), count: 56))
        guard record.u32(0) == 0x0606_4B50, let count = Int(exactly: record.u64(32)) else { throw damaged }
        return (count, try signed(record.u64(48)), try signed(record.u64(40)))
    }

    private static func item(_ directory: Fields, at place: Int) throws -> (Item, next: Int) {
        guard place + 46 <= directory.count, directory.u32(place) == 0x0201_4B50 else { throw damaged }
        let (name, extra) = (Int(directory.u16(place + 28)), Int(directory.u16(place + 30)))
        let next = place + 46 + name + extra + Int(directory.u16(place + 32))
        guard next <= directory.count else { throw damaged }
        guard directory.u16(place + 8) & 0x2041 == 0 else {
            throw ArchiveFault(reason: "it is encrypted", advice: "Pack it without a password.")
        }
        let method = directory.u16(place + 10)
        guard method == 0 || method == 8 else {
            throw ArchiveFault(
                reason: "it is compressed in a way that mlctl does not know (\(method))",
                advice: "Pack it with deflate.")
        }
        let path = try Self.name(directory.bytes[(place + 46)..<(place + 46 + name)])
        var large = try Zip64(directory, at: place + 46 + name, count: extra)
        let size = try large.value(directory.u32(place + 24))
        let compressed = try large.value(directory.u32(place + 20))
        let header = try large.value(directory.u32(place + 42))
        guard method == 8 || size == compressed else { throw damaged }
        let mode = directory.u16(place + 4) >> 8 == unix ? UInt32(directory.u32(place + 38) >> 16) : 0
        let kind = try kind(mode, path: path)
        let item = Item(
            entry: ArchiveEntry(path: path, kind: kind, bytes: size), isLink: mode & 0o170000 == 0o120000,
            isDeflated: method == 8, checksum: directory.u32(place + 16), compressed: compressed, header: header)
        return (item, next)
    }

    private static func kind(_ mode: UInt32, path: String) throws -> ArchiveEntry.Kind {
        switch mode & 0o170000 {
        case _ where path.hasSuffix("/"), 0o040000: return .folder
        case 0, 0o100000, 0o120000: return .file(isExecutable: mode & 0o100 != 0)
        default:
            throw ArchiveFault(
                reason: "it holds a device or a pipe, which a model cannot contain", advice: "Pack it without.")
        }
    }

    /// Entries that share bytes make a small archive expand without bound.
    private static func checkPlaces(_ items: [Item], before end: Int64) throws {
        var reached: Int64 = 0
        for item in items.sorted(by: { $0.header < $1.header }) {
            let (headerEnd, overflow) = item.header.addingReportingOverflow(30 + Int64(item.entry.path.utf8.count))
            let (dataEnd, overflows) = headerEnd.addingReportingOverflow(item.compressed)
            guard !overflow, !overflows, item.header >= reached, dataEnd <= end else { throw damaged }
            reached = dataEnd
        }
    }

    private static func name(_ bytes: ArraySlice<UInt8>) throws -> String {
        guard let name = String(validating: bytes, as: UTF8.self) else {
            throw ArchiveFault(reason: "a name in it is not UTF-8", advice: "Rename the file.")
        }
        return name
    }

    private static func signed(_ value: UInt64) throws -> Int64 {
        guard let value = Int64(exactly: value), value <= Int64.max / 4 else { throw damaged }
        return value
    }

    private static func bytes(_ bytes: Bytes, at offset: Int64, count: Int) throws -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= bytes.count - Int64(count) else { throw damaged }
        var range = ByteRange(bytes: bytes, position: offset, end: offset + Int64(count))
        var result = [UInt8](repeating: 0, count: count)
        guard try result.withUnsafeMutableBytes({ try range.fill($0) }) == count else { throw damaged }
        return result
    }

    private static var damaged: ArchiveFault { ArchiveFault(reason: "it is not a zip archive, or is damaged") }

    /// Little-endian numbers. Reading past the end gives zeros.
    private struct Fields {
        let bytes: [UInt8]
        var count: Int { bytes.count }

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        func u16(_ place: Int) -> UInt16 { UInt16(truncatingIfNeeded: number(place, 2)) }
        func u32(_ place: Int) -> UInt32 { UInt32(truncatingIfNeeded: number(place, 4)) }
        func u64(_ place: Int) -> UInt64 { number(place, 8) }

        private func number(_ place: Int, _ count: Int) -> UInt64 {
            guard place >= 0, place + count <= bytes.count else { return 0 }
            return bytes[place..<place + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// The 64-bit numbers of an entry, in the order of the fields that are full.
    private struct Zip64 {
        private var values: [UInt64] = []

        init(_ fields: Fields, at start: Int, count: Int) throws {
            var place = start
            while place + 4 <= start + count {
                let size = Int(fields.u16(place + 2))
                guard place + 4 + size <= start + count else { throw ZipReader.damaged }
                if fields.u16(place) == 1 {
                    values = stride(from: place + 4, to: place + 4 + size - 7, by: 8).map(fields.u64)
                    return
                }
                place += 4 + size
            }
        }

        mutating func value(_ short: UInt32) throws -> Int64 {
            guard short == 0xFFFF_FFFF else { return Int64(short) }
            guard !values.isEmpty else { throw ZipReader.damaged }
            return try ZipReader.signed(values.removeFirst())
        }
    }
}
