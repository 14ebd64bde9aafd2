/// Which names are names.
public enum NameRules {
    static let dnsLabelPattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
    static let dnsSubdomainPattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    static let shortNamePattern = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
    private static let limitBytes = 63

    public static func isDNSLabel(_ text: String) -> Bool {
        isName(text) {
            isLowercaseOrDigit($0)
        } inside: {
            isLowercaseOrDigit($0) || $0 == UInt8(ascii: "-")
        }
    }

    /// Labels joined by dots, as most of Kubernetes' objects are named (RFC 1123).
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

    /// A name of an environment variable, as Kubernetes has them.
    static func isEnvironmentName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !isDigit(first) else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || "-_.".utf8.contains($0) }
    }

    /// A name of an HTTP header or of a cookie: a token of RFC 9110.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isLetterOrDigit($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }

    /// The label that was meant by a name with capitals, spaces, dots or underscores.
    public static func repairedLabel(_ text: String) -> String? {
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
