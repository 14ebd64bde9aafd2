/// One file, folder or link of an archive.
struct ArchiveEntry: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case file(isExecutable: Bool)
        case folder
        case link(target: String)
        /// The same content as an earlier file of the archive.
        case sameAs(path: String)
    }

    /// As the archive has it; not checked.
    var path: String
    var kind: Kind
    var bytes: Int64
}

/// Reads a tar archive: ustar, pax and GNU long names.
///
/// Devices, pipes and sparse files are refused, and so is everything of which two readers could disagree.
struct TarReader<Source: ByteSource> {
    private static var blockBytes: Int { 512 }
    /// Of a long name or of pax records.
    private static var maximumRecordBytes: Int64 { 1 << 20 }

    private var source: Source
    /// Content of the current entry that was not read yet.
    private var rest: Int64 = 0
    private var padding: Int64 = 0
    private var global: [String: String] = [:]
    private var isOver = false

    init(_ source: Source) { self.source = source }

    /// - Returns: the next entry; nil at the end. The rest of the one before is skipped.
    mutating func next() throws -> ArchiveEntry? {
        guard !isOver else { return nil }
        var longPath: String?
        var longLink: String?
        var records: [String: String] = [:]
        while true {
            try skip()
            guard let header = try header() else {
                isOver = true
                guard longPath == nil, longLink == nil, records.isEmpty else { throw Self.damaged }
                return nil
            }
            var size = try header.size()
            if ![UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K")].contains(header.type) {
                let fields = global.merging(records) { $1 }
                if let text = fields["size"] {
                    guard let number = Int64(text), number >= 0 else { throw Self.damaged }
                    size = number
                }
                guard !fields.keys.contains(where: { $0.hasPrefix("GNU.sparse.") }) else { throw Self.sparse }
                let path = try fields["path"] ?? longPath ?? header.path()
                let link = try fields["linkpath"] ?? longLink ?? header.text(157, 100)
                let kind = try header.kind(path: path, link: link)
                // Folders and links of old programs may have a size without bytes.
                if case .file = kind { try begin(size) } else { try begin(0) }
                return ArchiveEntry(path: path, kind: kind, bytes: rest)
            }
            let record = try record(size)
            switch header.type {
            case UInt8(ascii: "L"): longPath = try Self.string(record)
            case UInt8(ascii: "K"): longLink = try Self.string(record)
            case UInt8(ascii: "g"): global.merge(try Self.pax(record)) { $1 }
            default: records.merge(try Self.pax(record)) { $1 }
            }
        }
    }

    /// Reads the content of the current entry.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = Int(min(Int64(buffer.count), rest))
        guard wanted > 0 else { return 0 }
        let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
        guard count > 0 else { throw Self.short }
        rest -= Int64(count)
        return count
    }

    private mutating func begin(_ size: Int64) throws {
        guard size >= 0, size <= Int64.max - 1024 else { throw Self.damaged }
        rest = size
        padding = (512 - size % 512) % 512
    }

    private mutating func skip() throws {
        guard rest > 0 || padding > 0 else { return }
        rest -= source.pass(rest)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
        defer { buffer.deallocate() }
        while try read(into: buffer) > 0 {}
        rest = padding
        padding = 0
        while try read(into: buffer) > 0 {}
    }

    private mutating func record(_ size: Int64) throws -> [UInt8] {
        guard size <= Self.maximumRecordBytes else {
            throw ArchiveFault(
                code: .tooLarge, reason: "a name in it has more than \(SizeText.of(Self.maximumRecordBytes))")
        }
        try begin(size)
        var bytes = [UInt8](repeating: 0, count: Int(size))
        var filled = 0
        while filled < bytes.count {
            let start = filled
            let count = try bytes.withUnsafeMutableBytes { buffer in
                try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[start...]))
            }
            filled += count
        }
        return bytes
    }

    /// - Returns: nil at the end of the archive: a block of zeros.
    private mutating func header() throws -> TarHeader? {
        var block = [UInt8](repeating: 0, count: Self.blockBytes)
        let count = try block.withUnsafeMutableBytes { try source.fill($0) }
        guard count == Self.blockBytes else { throw Self.short }
        if block.allSatisfy({ $0 == 0 }) { return nil }
        return try TarHeader(block)
    }

    /// Records such as `20 path=a/long/name` with a line feed; the number counts the whole record.
    private static func pax(_ bytes: [UInt8]) throws -> [String: String] {
        var result: [String: String] = [:]
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let blank = rest.prefix(20).firstIndex(of: 0x20),
                let length = Int(String(decoding: rest[rest.startIndex..<blank], as: UTF8.self)),
                length > blank - rest.startIndex + 1, length <= rest.count
            else { throw damaged }
            let record = rest[(blank + 1)..<(rest.startIndex + length)]
            rest = rest.dropFirst(length)
            guard record.last == 0x0A, let equals = record.firstIndex(of: UInt8(ascii: "=")) else { throw damaged }
            let name = try string(record[record.startIndex..<equals])
            // Other records, such as extended attributes, may hold any bytes.
            guard ["path", "linkpath", "size"].contains(name) || name.hasPrefix("GNU.sparse.") else { continue }
            result[name] = try string(record[(equals + 1)...].dropLast(), endsAtZero: false)
        }
        return result
    }

    fileprivate static func string(_ bytes: some Collection<UInt8>, endsAtZero: Bool = true) throws -> String {
        let text = endsAtZero ? Array(bytes.prefix { $0 != 0 }) : Array(bytes)
        guard let string = String(validating: text, as: UTF8.self) else {
            throw ArchiveFault(reason: "a name in it is not UTF-8", advice: "Rename the file.")
        }
        return string
    }

    fileprivate static var damaged: ArchiveFault { ArchiveFault(reason: "it is not a tar archive, or is damaged") }
    private static var short: ArchiveFault { ArchiveFault(reason: "it ends too early") }
    private static var sparse: ArchiveFault {
        ArchiveFault(reason: "it holds a sparse file", advice: "Pack it without --sparse.")
    }
}

/// A tar header, with a checksum that fits.
private struct TarHeader {
    private let block: [UInt8]
    var type: UInt8 { block[156] }

    private typealias Reader = TarReader<ByteRange<DescriptorBytes>>

    init(_ block: [UInt8]) throws {
        self.block = block
        // The checksum's own field counts as blanks.
        var sum = 8 * 0x20
        block.withUnsafeBufferPointer { bytes in
            var index = 0
            while index < bytes.count {
                if index < 148 || index >= 156 { sum += Int(bytes[index]) }
                index += 1
            }
        }
        guard try number(148, 8) == Int64(sum) else { throw Reader.damaged }
    }

    func size() throws -> Int64 { try number(124, 12) }

    func text(_ start: Int, _ count: Int) throws -> String { try Reader.string(block[start..<start + count]) }

    func path() throws -> String {
        let name = try text(0, 100)
        let isPOSIX = block[257..<263].elementsEqual(Array("ustar".utf8) + [0])
        let prefix = isPOSIX ? try text(345, 155) : ""
        return prefix.isEmpty ? name : "\(prefix)/\(name)"
    }

    func kind(path: String, link: String) throws -> ArchiveEntry.Kind {
        switch type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            if path.hasSuffix("/") { return .folder }
            return .file(isExecutable: try number(100, 8) & 0o100 != 0)
        case UInt8(ascii: "1"): return .sameAs(path: link)
        case UInt8(ascii: "2"): return .link(target: link)
        case UInt8(ascii: "5"): return .folder
        case UInt8(ascii: "3"), UInt8(ascii: "4"), UInt8(ascii: "6"):
            throw ArchiveFault(
                reason: "it holds a device or a pipe, which a model cannot contain", advice: "Pack it without.")
        default:
            throw ArchiveFault(
                reason: "it holds an entry of a kind that mlctl does not know", advice: "Pack it with --format=pax.")
        }
    }

    /// Octal digits, or GNU's binary form.
    private func number(_ start: Int, _ count: Int) throws -> Int64 {
        let field = block[start..<start + count]
        if block[start] & 0x80 != 0 {
            var value = Int64(block[start] & 0x7F)
            for byte in field.dropFirst() {
                guard value < 1 << 54 else { throw Reader.damaged }
                value = value << 8 | Int64(byte)
            }
            return value
        }
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        guard digits.allSatisfy({ (0x30...0x37).contains($0) }) else { throw Reader.damaged }
        return digits.reduce(0) { $0 << 3 | Int64($1 - 0x30) }
    }
}
