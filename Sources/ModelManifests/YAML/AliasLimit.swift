/// Counts how many aliases a text can contain, before it is parsed.
///
/// Aliases of aliases turn a few lines into billions of values (a "YAML bomb"). With `n` aliases a text can grow at most
/// 3^(n/3)-fold, so small bounds on `n` and on the text's size bound all later work.
enum AliasLimit {
    static let limit = 12
    /// The limit for texts with aliases.
    static let textLimitBytes = 16 * 1024

    /// At least as many as libyaml would find: every `*name` for which `&name` occurs anywhere.
    static func upperBound(_ text: String) -> Int {
        guard text.utf8.contains(UInt8(ascii: "*")), text.utf8.contains(UInt8(ascii: "&")) else { return 0 }
        let anchors = Set(names(after: UInt8(ascii: "&"), in: text))
        guard !anchors.isEmpty else { return 0 }
        return names(after: UInt8(ascii: "*"), in: text).count { anchors.contains($0) }
    }

    private static func names(after indicator: UInt8, in text: String) -> [Substring] {
        let bytes = text.utf8
        var names: [Substring] = []
        var position = bytes.startIndex
        while let found = bytes[position...].firstIndex(of: indicator) {
            let start = bytes.index(after: found)
            let end = bytes[start...].firstIndex { !isNameByte($0) } ?? bytes.endIndex
            if start < end { names.append(text[start..<end]) }
            position = start
        }
        return names
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
