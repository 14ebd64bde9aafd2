import Foundation

/// A secret in a file. It is read on every call, so that a rotated secret takes effect at once.
package struct SecretFile: Hashable, Sendable {
    /// Larger than any token.
    static let mostBytes = 64 << 10

    var path: String

    package init(path: String) { self.path = path }

    /// The file's only line.
    ///
    /// - Throws: `SourceError`. It names the file and never quotes its content.
    package func read() throws -> String {
        guard let file = FileHandle(forReadingAtPath: path),
            let bytes = try? file.read(upToCount: Self.mostBytes + 1)
        else {
            throw SourceError(
                .missingSecret, "\(path) cannot be read: check the path, and that the controller may read it")
        }
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard !text.isEmpty else { throw SourceError(.missingSecret, "\(path) is empty: write the secret into it") }
        guard bytes.count <= Self.mostBytes, !text.unicodeScalars.contains(where: { $0.properties.isControl }) else {
            throw SourceError(
                .missingSecret, "\(path) has more than one line of text: it must contain only the secret")
        }
        return text
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool { generalCategory == .control }
}
