import Foundation

@testable import SafeText

/// Output: foreign names, messages and text on terminals, pages and documents.
extension FuzzTarget {
    static let escapes = FuzzTarget(
        "escapes", reads: "words of others, as they are shown on terminals, metrics pages, JSON, XML, HTML and URIs",
        of: ["SafeText"],
        words: [
            "\u{1B}[31m", "\r\n", "\u{202E}", "\u{2028}", "\u{85}", "\"", "\\", "'", "<", "&", "](", "`", "\u{7F}",
            "\u{301}", "\u{FFFE}", "%",
        ]
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        for line in [Escape.line(text), Escape.cell(text), Escape.logValue(text), Escape.sarifMessage(text)] {
            try demand(
                !line.unicodeScalars.contains { $0.isControl || $0.endsLine || $0.isInvisible },
                "shown as \(line.debugDescription)")
        }
        let lines = Escape.lines(text).unicodeScalars
        try demand(!lines.contains { $0.isControl && $0 != "\n" && $0 != "\t" }, "lines of \(text.debugDescription)")
        let json = "\"\(Escape.jsonString(text))\""
        let read = try? JSONDecoder().decode(String.self, from: Data(json.utf8))
        try demand(
            read.map { $0.utf8.elementsEqual(text.utf8) } ?? false, "\(json.debugDescription) says something else")
        let markup = Escape.xml(text)
        try demand(!markup.utf8.contains { "<>\"'".utf8.contains($0) }, "markup is left in \(markup.debugDescription)")
        let part = Escape.uriPart(text)
        try demand(
            part.removingPercentEncoding.map { $0.utf8.elementsEqual(text.utf8) } ?? false, "another part: \(part)")
        try demand(part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"/?#&=+".utf8.contains($0) }, "parts: \(part)")
        let label = Escape.labelValue(text)
        try demand(label.utf8.count <= 63 && Escape.labelValue(label) == label, "a label \(label.debugDescription)")
        for quoted in [Escape.expositionLabel(text), Escape.promQLString(text)] {
            try demand(!quoted.unicodeScalars.contains { $0.endsLine }, "several lines: \(quoted.debugDescription)")
            var scanner = PromQLScanner()
            scanner.read("\"\(quoted)\"")
            try demand(scanner.place == .code, "its string does not end: \(quoted.debugDescription)")
        }
        try demand(!Escape.expositionHelp(text).unicodeScalars.contains { $0.endsLine }, "help over several lines")
        if let header = Escape.headerValue(text) {
            try demand(header == text && !text.contains("\n"), "a header \(header)")
        }
    }

    static let redactor = FuzzTarget(
        "redactor", reads: "output that may contain secrets: the first line is a secret, the rest is the output",
        of: ["SafeText"],
        words: ["s3cr3t-value", "\n", "***", "czNjcjN0", "%73", "7333"]
    ) { input in
        let parts = input.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count <= 64, let secret = String(validating: parts[0], as: UTF8.self) else {
            return
        }
        let redactor = SecretRedactor([secret])
        let whole = redactor.redacted(parts[1])
        var stream = RedactedStream(redactor)
        var pieces: [UInt8] = []
        for piece in Cuts.pieces(of: Array(parts[1])) { pieces += stream.take(piece) }
        pieces += stream.finish()
        try demand(pieces == whole, "the result depends on how the bytes are split")
        // Stars are the mask itself, and blanks at the ends are not part of a secret.
        let bytes = Array(secret.utf8)
        let isPlain =
            bytes.count >= SecretForms.fewestBytes && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2a }
        guard isPlain else { return }
        try demand(!String(decoding: whole, as: UTF8.self).contains(secret), "\(secret) is left")
        // The rest says which characters are escaped.
        for prefix in ["%", "\\x", "\\u00"] {
            let escaped = bytes.enumerated().map { index, byte in
                let choice = parts[1].isEmpty ? 1 : parts[1][parts[1].startIndex + index % parts[1].count]
                let digits = String(byte, radix: 16)
                return choice % 2 == 0 && !"%\\".utf8.contains(byte)
                    ? String(Unicode.Scalar(byte)) : prefix + (choice % 3 == 0 ? digits.uppercased() : digits)
            }.joined()
            try demand(redactor.redacted(escaped).contains(SecretRedactor.mask), "\(escaped) is left")
        }
    }
}
