/// The rules for the text of a token.
enum TokenText {
    static let fewestCharacters = 20
    static let mostCharacters = 1024
    /// A text with fewer distinct characters is a pattern and easy to guess.
    static let fewestDistinct = 5

    static let advice = "create one with: openssl rand -base64 32"

    /// Why the text is not accepted as a token; nil if it is. The reason never contains the text.
    static func problem(with text: String) -> String? {
        let scalars = text.unicodeScalars
        guard !scalars.isEmpty else { return "it is empty: \(advice)" }
        guard scalars.allSatisfy({ (0x21...0x7E).contains($0.value) }) else {
            return "it must be one line of printable ASCII without blanks: \(advice)"
        }
        guard scalars.count >= fewestCharacters else {
            return "it has \(scalars.count) characters, but at least \(fewestCharacters) are needed: \(advice)"
        }
        guard scalars.count <= mostCharacters else {
            return "it has more than \(mostCharacters) characters: \(advice)"
        }
        guard Set(scalars).count >= fewestDistinct else {
            return "it repeats a few characters, which is easy to guess: \(advice)"
        }
        return nil
    }
}
