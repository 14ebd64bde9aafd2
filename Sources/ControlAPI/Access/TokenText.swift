import SafeText

/// What a token may look like.
enum TokenText {
    static let fewestCharacters = 20
    static let mostCharacters = 1024

    /// Why the text cannot be a token; nil where it can. Never repeats it.
    static func problem(with text: String) -> String? {
        reason(against: text).map { "\($0): \(SecretStrength.advice)" }
    }

    private static func reason(against text: String) -> String? {
        let scalars = text.unicodeScalars
        guard !scalars.isEmpty else { return "it is empty" }
        guard scalars.allSatisfy({ (0x21...0x7E).contains($0.value) }) else {
            return "it has to be one line of printable ASCII without blanks"
        }
        guard scalars.count >= fewestCharacters else {
            return "it has \(scalars.count) characters, and at least \(fewestCharacters) are needed"
        }
        guard scalars.count <= mostCharacters else { return "it has over \(mostCharacters) characters" }
        return SecretStrength.weakness(of: text)
    }
}
