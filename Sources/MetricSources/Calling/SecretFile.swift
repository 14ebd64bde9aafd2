import Foundation

/// A secret in a file, read anew for every call: one that was rotated is in force at once.
public struct SecretFile: Hashable, Sendable {
    /// Larger than any token.
    static let mostBytes = 64 << 10

    var path: String

    public init(path: String) { self.path = path }

    /// Its only line.
    ///
    /// - Throws: `SourceError` that names the file, and never repeats what is in it.
    public func read() throws -> String {
        guard let file = FileHandle(forReadingAtPath: path),
            let bytes = try? file.read(upToCount: Self.mostBytes + 1)
        else {
            throw SourceError(
                .missingSecret, "\(path) cannot be read: check the path, and that the controller may read it")
        }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard !text.isEmpty else { throw SourceError(.missingSecret, "\(path) is empty: it has to hold the secret") }
        guard bytes.count <= Self.mostBytes, !text.unicodeScalars.contains(where: { $0.properties.isControl }) else {
            throw SourceError(
                .missingSecret, "\(path) holds more than one line of text: it has to hold the secret alone")
        }
        return text
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool { generalCategory == .control }
}
