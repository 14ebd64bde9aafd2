import Foundation

/// Reads a file line by line, so that a recording can be larger than the memory.
struct LineReader: Sequence, IteratorProtocol {
    static let chunkBytes = 1 << 16
    /// Longer lines are cut here; no reading is that long.
    static let maximumLineBytes = 1 << 20

    private let file: FileHandle
    private var buffer: [UInt8]
    private var position = 0
    private var isAtEnd = false

    /// - Parameter path: the file; `-` reads standard input.
    /// - Returns: nil where it cannot be read, for example because it is a folder.
    init?(path: String) {
        if path == "-" {
            file = .standardInput
        } else if let file = FileHandle(forReadingAtPath: path) {
            self.file = file
        } else {
            return nil
        }
        do {
            buffer = try file.read(upToCount: Self.chunkBytes).map(Array.init) ?? []
        } catch {
            return nil
        }
    }

    mutating func next() -> String? {
        while true {
            if let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { position = end + 1 }
                return String(decoding: buffer[position..<end], as: UTF8.self)
            }
            if isAtEnd || buffer.count - position > Self.maximumLineBytes {
                guard position < buffer.count else { return nil }
                defer { position = buffer.count }
                return String(decoding: buffer[position...], as: UTF8.self)
            }
            buffer.removeFirst(position)
            position = 0
            let chunk = (try? file.read(upToCount: Self.chunkBytes)) ?? Data()
            isAtEnd = chunk.isEmpty
            buffer.append(contentsOf: chunk)
        }
    }
}
