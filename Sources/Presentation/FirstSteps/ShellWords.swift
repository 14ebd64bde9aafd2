/// Arguments as a person can paste them into a shell.
package enum ShellWords {
    package static func line(_ words: [String]) -> String { words.map(quoted).joined(separator: " ") }

    /// In single quotes where it has other characters than those that no shell changes.
    private static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9": true
                default: "@%+=:,./-_".unicodeScalars.contains(scalar)
                }
            }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
