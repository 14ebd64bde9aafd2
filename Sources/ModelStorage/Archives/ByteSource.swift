import CZlib
import Foundation

/// Bytes that are read from front to back.
protocol ByteSource {
    /// - Returns: the number of bytes that were read; 0 at the end.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
    /// Passes over bytes without reading them.
    ///
    /// - Returns: the number of bytes that were passed over; 0 where the source must read them.
    mutating func pass(_ count: Int64) -> Int64
}

extension ByteSource {
    mutating func pass(_ count: Int64) -> Int64 { 0 }

    /// Fills the buffer as far as there are bytes.
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if count == 0 { break }
            filled += count
        }
        return filled
    }
}

/// Bytes at any place of a file.
protocol RandomBytes {
    var count: Int64 { get }
    /// - Returns: the number of bytes that were read; 0 at the end.
    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A part of a file.
struct ByteRange<Bytes: RandomBytes>: ByteSource {
    let bytes: Bytes
    var position: Int64
    let end: Int64

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = min(Int64(buffer.count), end - position)
        guard wanted > 0 else { return 0 }
        let count = try bytes.read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]))
        position += Int64(count)
        return count
    }

    mutating func pass(_ count: Int64) -> Int64 {
        let passed = max(0, min(count, end - position))
        position += passed
        return passed
    }
}

/// An open file.
struct DescriptorBytes: RandomBytes {
    let descriptor: Int32
    let path: String
    let count: Int64
    let cancellation: Cancellation

    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try cancellation.check()
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileCall.failure("reading", path) }
            return count
        }
    }
}

/// What is wrong with an archive.
struct ArchiveFault: Error, Hashable {
    var code: StorageError.Code = .unusableTree
    /// Completes the sentence "The archive cannot be unpacked: …".
    var reason: String
    var advice = "Pack it again."

    static func tooManyFiles(_ limit: Int) -> ArchiveFault {
        ArchiveFault(
            code: .tooLarge, reason: "it has more than \(limit) files, the limit for a model",
            advice: "Pack the small files into one, such as a .npz or .parquet file.")
    }
}

/// Decompresses gzip (with all its members), or the raw deflate of a zip entry.
final class InflatingSource<Source: ByteSource>: ByteSource {
    enum Format: Int32 {
        case gzip = 31
        case raw = -15
    }

    static var bufferBytes: Int { 64 * 1024 }

    private var source: Source
    private let format: Format
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private var isOver = false

    init(_ source: Source, _ format: Format) throws {
        self.source = source
        self.format = format
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(byteCount: Self.bufferBytes, alignment: 16)
        guard inflate_begin(stream, format.rawValue) == Z_OK else {
            throw ArchiveFault(code: .fileSystem, reason: "zlib could not be started", advice: "Free memory.")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !buffer.isEmpty else { return 0 }
        // Each turn reads input, writes output, or ends.
        while !isOver {
            if stream.pointee.avail_in == 0 {
                let count = try source.read(into: input)
                guard count > 0 else { throw ArchiveFault(reason: "its compressed data ends too early") }
                stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_in = UInt32(count)
            }
            let room = min(buffer.count, 1 << 30)
            stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(room)
            let code = inflate(stream, Z_NO_FLUSH)
            let written = room - Int(stream.pointee.avail_out)
            switch code {
            case Z_OK: break
            case Z_STREAM_END: try end()
            default: throw ArchiveFault(reason: "its compressed data is damaged")
            }
            if written > 0 { return written }
        }
        return 0
    }

    /// Begins the next member of a gzip file. Zeros after the last one are padding.
    private func end() throws {
        guard format == .gzip else {
            isOver = true
            return
        }
        while true {
            while stream.pointee.avail_in > 0 {
                if let byte = stream.pointee.next_in?.pointee, byte != 0 {
                    guard inflateReset(stream) == Z_OK else {
                        throw ArchiveFault(reason: "its compressed data is damaged")
                    }
                    return
                }
                stream.pointee.next_in = stream.pointee.next_in?.advanced(by: 1)
                stream.pointee.avail_in -= 1
            }
            let count = try source.read(into: input)
            guard count > 0 else {
                isOver = true
                return
            }
            stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_in = UInt32(count)
        }
    }
}
