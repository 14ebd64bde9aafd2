/// What a token may look like.
enum TokenText {
    static let fewestCharacters = 20
    static let mostCharacters = 1024
    /// Below that it is a pattern: one character, or two in turn.
    static let fewestDistinct = 5

    static let advice = "make one with: openssl rand -base64 32"

    /// Why the text cannot be a token; nil where it can. Never repeats it.
    static func problem(with text: String) -> String? {
        let scalars = text.unicodeScalars
        guard !scalars.isEmpty else { return "it is empty: \(advice)" }
        guard scalars.allSatisfy({ (0x21...0x7E).contains($0.value) }) else {
            return "it has to be one line of printable ASCII without blanks: \(advice)"
        }
        guard scalars.count >= fewestCharacters else {
            return "it has \(scalars.count) characters, and at least \(fewestCharacters) are needed: \(advice)"
        }
        guard scalars.count <= mostCharacters else {
            return "it has over \(mostCharacters) characters: \(advice)"
        }
        guard Set(scalars).count >= fewestDistinct else {
            return "it repeats the same few characters, which can be guessed: \(advice)"
        }
        return nil
    }
}
