/// Makes repeated keys different from each other, so that a document with repeated keys can be parsed to its end.
///
/// Yams stops at the first mapping with such keys. But all errors of a file should be reported at once, with their paths and
/// the deployment that they stop. So the first of two equal keys gets a mark in front, a private-use character, and the text
/// is parsed again.
struct DuplicateKeyMarks {
    private(set) var text: String
    private var insertions: [(line: Int, column: Int)] = []

    init(text: String) { self.text = text }

    var isEmpty: Bool { insertions.isEmpty }

    /// Marks the key at `line` and `column`.
    /// - Returns: false where there is no simple key with this name.
    mutating func mark(_ name: String, line: Int, column: Int) -> Bool {
        guard !name.isEmpty, let scalar = Unicode.Scalar(Self.firstMark + UInt32(insertions.count)) else {
            return false
        }
        let scalars = text.unicodeScalars
        var position = scalars.startIndex
        var currentLine = 1
        while currentLine < line {
            guard let newline = scalars[position...].firstIndex(of: "\n") else { return false }
            position = scalars.index(after: newline)
            currentLine += 1
        }
        guard var place = scalars.index(position, offsetBy: column - 1, limitedBy: scalars.endIndex) else {
            return false
        }
        guard place < scalars.endIndex else { return false }
        if scalars[place] == "\"" || scalars[place] == "'" { place = scalars.index(after: place) }
        guard text[place...].hasPrefix(name) else { return false }
        text.unicodeScalars.insert(scalar, at: place)
        for index in insertions.indices where insertions[index].line == line && insertions[index].column >= column {
            insertions[index].column += 1
        }
        insertions.append((line, column))
        return true
    }

    /// The number of marks on the line before the column, which must be subtracted from a reported column.
    func insertions(before column: Int, line: Int) -> Int {
        insertions.isEmpty ? 0 : insertions.count { $0.line == line && $0.column < column }
    }

    static func original(_ key: String) -> String {
        guard let first = key.unicodeScalars.first, (firstMark...lastMark).contains(first.value) else { return key }
        return String(key.unicodeScalars.dropFirst())
    }

    /// The start of the private use area.
    private static let firstMark: UInt32 = 0xE000
    private static let lastMark: UInt32 = 0xE0FF
}
