/// The rules for names.
package enum NameRules {
    static let dnsLabelPattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
    static let dnsSubdomainPattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    static let shortNamePattern = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
    static let serviceNamePattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
    /// A label value in Kubernetes, which may be empty.
    static let labelValuePattern = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
    static let environmentNamePattern = "^([-_a-zA-Z][-._a-zA-Z0-9]*|\\.[-_a-zA-Z0-9][-._a-zA-Z0-9]*)$"
    static let labelKeyPattern =
        "^(\(dnsSubdomainPattern.dropFirst().dropLast())/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
    static let tokenPattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
    private static let limitBytes = 63

    package static func isDNSLabel(_ text: String) -> Bool {
        isName(text) {
            isLowercaseOrDigit($0)
        } inside: {
            isLowercaseOrDigit($0) || $0 == UInt8(ascii: "-")
        }
    }

    /// DNS labels joined by dots, as most Kubernetes objects are named (RFC 1123).
    static func isDNSSubdomain(_ text: String) -> Bool {
        let limitBytes = 253
        return text.utf8.count <= limitBytes
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isDNSLabel(String($0)) }
    }

    static func isShortName(_ text: String) -> Bool {
        isName(text) {
            isLetterOrDigit($0)
        } inside: {
            isLetterOrDigit($0) || "-_.".utf8.contains($0)
        }
    }

    /// The name of an environment variable in Kubernetes: neither `.` nor a name that begins with `..`.
    static func isEnvironmentName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first), text != ".", !text.hasPrefix("..") else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "-_.".utf8.contains($0) }
    }

    /// A DNS label that begins with a letter (RFC 1035), as Services are named.
    static func isServiceName(_ text: String) -> Bool {
        isDNSLabel(text) && !(text.utf8.first.map(isDigit) ?? true)
    }

    /// The name of a port in a pod (RFC 6335): at most 15 characters, at least one letter, and no two '-' in a row.
    static func isPortName(_ text: String) -> Bool {
        let limitBytes = 15
        return isDNSLabel(text) && text.utf8.count <= limitBytes && !text.contains("--")
            && !text.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "-") }
    }

    /// What is wrong with the key of a label or annotation (`NAME` or `DOMAIN/NAME`); nil where it is valid.
    static func problem(withLabelKey key: String) -> (message: String, suggestion: String?)? {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count <= 2, isShortName(String(parts.last ?? "")),
            parts.count == 1 || isDNSSubdomain(String(parts[0]))
        {
            return nil
        }
        let repaired = repairedName(key.replacing("/", with: "-"))
        return (
            "'\(key.shortened)' is not a valid key in Kubernetes: use at most 63 letters, digits, '-', '_' and '.', "
                + "with a letter or digit at both ends; a domain and '/' can come before it",
            repaired.map { "did you mean '\($0)'?" }
        )
    }

    /// What is wrong with a label value; nil where it is valid.
    static func problem(withLabelValue value: String) -> (message: String, suggestion: String?)? {
        guard !value.isEmpty, !isShortName(value) else { return nil }
        return (
            "'\(value.shortened)' is not a valid label value in Kubernetes: use at most 63 letters, digits, '-', '_' and '.', "
                + "with a letter or digit at both ends",
            repairedName(value).map { "did you mean '\($0)'?" }
                ?? "write it as an annotation, which can contain any text"
        )
    }

    /// A valid name that resembles text with spaces and other characters.
    private static func repairedName(_ text: String) -> String? {
        let replaced = text.map { character in
            character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
                ? character : "-"
        }
        func isEnd(_ character: Character) -> Bool { "-_.".contains(character) }
        let trimmed = replaced.drop(while: isEnd).prefix(limitBytes).reversed().drop(while: isEnd).reversed()
        let name = String(trimmed)
        return isShortName(name) ? name : nil
    }

    /// The name of an HTTP header or a cookie: a token of RFC 9110.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isLetterOrDigit($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }

    /// A valid label that resembles a name with capitals, spaces, dots or underscores.
    package static func repairedLabel(_ text: String) -> String? {
        let replaced = text.lowercased().map { character in
            character.isASCII && (character.isLetter || character.isNumber) ? character : "-"
        }
        let trimmed = replaced.drop { $0 == "-" }.prefix(limitBytes).reversed().drop { $0 == "-" }.reversed()
        let label = String(trimmed)
        return isDNSLabel(label) ? label : nil
    }

    private static func isName(_ text: String, ends: (UInt8) -> Bool, inside: (UInt8) -> Bool) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, text.utf8.count <= limitBytes else {
            return false
        }
        return ends(first) && ends(last) && text.utf8.allSatisfy(inside)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLowercaseOrDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isLowercaseOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
