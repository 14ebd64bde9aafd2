import Foundation

/// A part of a file, which is sent as the body of a request.
struct WebUpload: Hashable, Sendable {
    var path: String
    var offset: Int64 = 0
    var bytes: Int64
}

/// Reads an upload from its file. Used on one thread.
final class UploadSource {
    private let descriptor: Int32
    private let path: String
    private var position: Int64
    private let end: Int64

    /// - Returns: nil if there is nothing to send.
    /// - Throws: `StorageError` if the file cannot be opened.
    init?(_ upload: WebUpload?) throws {
        guard let upload else { return nil }
        path = upload.path
        position = upload.offset
        end = upload.offset + upload.bytes
        descriptor = open(upload.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileCall.failure("opening", upload.path) }
    }

    deinit { close(descriptor) }

    /// - Returns: the number of bytes that were read; 0 at the end of the part.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let wanted = Int(min(Int64(buffer.count), end - position))
        guard wanted > 0 else { return 0 }
        while true {
            let count = pread(descriptor, buffer.baseAddress, wanted, off_t(position))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileCall.failure("reading", path) }
            guard count > 0 else {
                throw StorageError(.changing, "\(path) became shorter while it was sent. Do not change it meanwhile.")
            }
            position += Int64(count)
            return count
        }
    }
}
