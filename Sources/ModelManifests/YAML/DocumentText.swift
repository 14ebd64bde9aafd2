/// One YAML document's text, with the number of lines before it in its file.
///
/// A stream is split at its `---` lines before it is parsed, so that a syntax error in one document does not affect the
/// others. YAML forbids such a line inside any value, block scalars included, so every split is between documents.
/// Empty documents are left out.
struct DocumentText: Hashable {
    var text: String
    var linesBefore: Int

    static func split(_ stream: String) -> [DocumentText] {
        // Where the encoding is given, libyaml reads a byte order mark as text.
        var stream = stream.hasPrefix("\u{FEFF}") ? String(stream.unicodeScalars.dropFirst()) : stream
        return stream.withUTF8 { bytes in
            var documents: [DocumentText] = []
            var start = (byte: 0, line: 0)
            var line = (byte: 0, number: 0)
            var isStarted = false
            var hasBody = false
            while line.byte < bytes.count {
                let end = bytes[line.byte...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                let text = bytes[line.byte..<end]
                if isDocumentStart(text) {
                    if hasBody { documents.append(document(bytes[start.byte..<line.byte], after: start.line)) }
                    if isStarted || hasBody { start = (line.byte, line.number) }
                    isStarted = true
                    hasBody = hasContent(text.dropFirst(3))
                } else if !hasBody {
                    hasBody = hasContent(text)
                }
                line = (end + 1, line.number + 1)
            }
            if hasBody { documents.append(document(bytes[start.byte...], after: start.line)) }
            return documents
        }
    }

    private static func document(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, after line: Int) -> DocumentText {
        DocumentText(text: String(decoding: bytes, as: UTF8.self), linesBefore: line)
    }

    private static func isDocumentStart(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard line.count >= 3, line.prefix(3).allSatisfy({ $0 == UInt8(ascii: "-") }) else { return false }
        guard let next = line.dropFirst(3).first else { return true }
        return next == UInt8(ascii: " ") || next == UInt8(ascii: "\t") || next == UInt8(ascii: "\r")
    }

    /// Comments, blank lines and `%` directives belong to the document that follows.
    private static func hasContent(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard line.first != UInt8(ascii: "%") else { return false }
        let blanks = [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")]
        guard let first = line.first(where: { !blanks.contains($0) }) else { return false }
        return first != UInt8(ascii: "#")
    }
}
