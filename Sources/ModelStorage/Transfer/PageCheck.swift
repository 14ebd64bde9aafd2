import Foundation

/// Tells a web page from a model. Login pages and error pages come with status 200.
enum PageCheck {
    static let openings = ["<!doctype html", "<html"]
    static let readBytes = 512

    /// - Throws: `StorageError` with `protocolError` if a page came and the address does not name one. The page is removed.
    static func check(_ path: String, _ head: ResponseHead, of location: WebLocation) throws {
        let name = location.fileName.lowercased()
        guard !name.hasSuffix(".html"), !name.hasSuffix(".htm") else { return }
        let isPage = try isPage(contentType: head.contentType) || isPage(beginning(of: path))
        guard isPage else { return }
        try? FileManager.default.removeItem(atPath: path)
        throw StorageError(
            .protocolError,
            "\(location) is answered with a web page, not with a model. Use the address of the file itself, and check "
                + "whether the server asks for a login.")
    }

    static func isPage(contentType: String?) -> Bool {
        let type = contentType?.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        return type == "text/html" || type == "application/xhtml+xml"
    }

    static func isPage(_ bytes: [UInt8]) -> Bool {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = String(decoding: bytes.starts(with: mark) ? bytes.dropFirst(3) : bytes[...], as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
        return openings.contains(where: text.hasPrefix)
    }

    private static func beginning(of path: String) throws -> [UInt8] {
        try FileCall.withDescriptor(path, O_RDONLY) { descriptor in
            var bytes = [UInt8](repeating: 0, count: readBytes)
            let count = read(descriptor, &bytes, readBytes)
            guard count >= 0 else { throw FileCall.failure("reading", path) }
            return Array(bytes.prefix(count))
        }
    }
}
