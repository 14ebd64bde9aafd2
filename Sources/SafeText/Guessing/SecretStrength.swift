/// How hard a token or a secret is to guess, as far as its text shows it.
///
/// It counts only what is new: a part that repeats an earlier one, a sequence as 1234 or qwerty, and a word that people use
/// for passwords tell next to nothing, however long they are. It is an upper bound: no text is stronger than this says.
package enum SecretStrength {
    /// The bits that a text must show. What a generator makes of 20 characters has more.
    package static let fewestBits = 50.0
    package static let advice = "make one with: openssl rand -hex 32"

    private static let partBits = 6.0
    private static let fewestOfPart = 3
    /// No text that is longer is looked at any further: it has what it needs, or never will.
    private static let mostBytes = 1024

    package static func bits(of text: String) -> Double {
        let bytes = Array(text.utf8.prefix(mostBytes))
        // 1122334455 is a sequence, too.
        let single = bytes.indices.filter { $0 == 0 || bytes[$0] != bytes[$0 - 1] }.map { bytes[$0] }
        return min(bits(of: bytes), bits(of: single) + partBits)
    }

    private static func bits(of bytes: [UInt8]) -> Double {
        let plain = bytes.map(Self.plain)
        let each = bitsOfByte(bytes)
        var bits = 0.0
        var place = 0
        while place < bytes.count {
            let part = max(
                repeated(plain, at: place), sequence(plain, at: place), word(plain, at: place), year(bytes, at: place))
            bits += part >= fewestOfPart ? min(partBits, each * Double(part)) : each
            place += part >= fewestOfPart ? part : 1
        }
        return bits
    }

    /// Why the text can be guessed; nil where it cannot, as far as can be seen. Never repeats the text.
    package static func weakness(of text: String) -> String? {
        bits(of: text) >= fewestBits
            ? nil : "it can be guessed: it is made of repeats, sequences or words that people use for passwords"
    }

    /// Of a character of its own, by the kinds of characters that there are, and by how many different ones.
    private static func bitsOfByte(_ bytes: [UInt8]) -> Double {
        let kinds: [(Int, (UInt8) -> Bool)] = [
            (10, { (0x30...0x39).contains($0) }), (26, { (0x61...0x7A).contains($0) }),
            (26, { (0x41...0x5A).contains($0) }),
            (33, { !(0x30...0x39).contains($0) && !(0x61...0x7A).contains($0) && !(0x41...0x5A).contains($0) }),
        ]
        let alphabet = kinds.reduce(0) { sum, kind in sum + (bytes.contains(where: kind.1) ? kind.0 : 0) }
        // The logarithm to the base 2, within a tenth.
        let different = Double(max(1, min(alphabet, Set(bytes).count)))
        return Double(different.exponent) + different.significand - 1
    }

    /// How far what stands here has stood before.
    private static func repeated(_ bytes: [UInt8], at place: Int) -> Int {
        (0..<place).reduce(0) { longest, start in
            var length = 0
            while place + length < bytes.count, bytes[start + length] == bytes[place + length] { length += 1 }
            return max(longest, length)
        }
    }

    private static let rows = [
        "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm",
    ].flatMap { row in [Array(row.utf8), Array(row.utf8.reversed())] }

    /// How far a row of the alphabet, of digits or of the keyboard goes on from here, or one character.
    private static func sequence(_ bytes: [UInt8], at place: Int) -> Int {
        let same = bytes[place...].prefix { $0 == bytes[place] }.count
        return rows.reduce(same) { longest, row in
            guard let start = row.firstIndex(of: bytes[place]) else { return longest }
            return max(longest, zip(bytes[place...], row[start...]).prefix { $0 == $1 }.count)
        }
    }

    private static func word(_ bytes: [UInt8], at place: Int) -> Int {
        words.reduce(0) { longest, word in
            word.count > longest && bytes[place...].starts(with: word) ? word.count : longest
        }
    }

    /// 1900 to 2099.
    private static func year(_ bytes: [UInt8], at place: Int) -> Int {
        let digits = bytes[place...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return 0 }
        return digits.starts(with: "19".utf8) || digits.starts(with: "20".utf8) ? 4 : 0
    }

    /// In lower case, and letters for the signs that people write for them.
    private static func plain(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
        case UInt8(ascii: "@"): UInt8(ascii: "a")
        case UInt8(ascii: "$"): UInt8(ascii: "s")
        case UInt8(ascii: "!"): UInt8(ascii: "i")
        default: byte
        }
    }

    private static let words: [[UInt8]] = [
        "password", "passwort", "passw0rd", "p4ssw0rd", "pa55word", "passphrase", "pass", "secret", "s3cret", "token",
        "t0ken", "admin", "4dmin", "root", "user", "login", "welcome", "letmein", "changeme", "change", "default",
        "example",
        "test", "demo", "sample", "dummy", "hello", "world", "mlctl", "model", "server", "controller", "operator",
        "viewer",
        "metrics", "prometheus", "grafana", "company", "prod", "production", "staging", "development", "local",
        "internal",
        "private", "public", "access", "apikey", "bearer", "auth", "master", "super", "god", "dragon", "monkey",
        "shadow",
        "sunshine", "princess", "football", "baseball", "batman", "superman", "iloveyou", "love", "trustno1",
        "starwars",
        "whatever", "qazwsx", "michael", "jordan", "hunter", "spring", "summer", "autumn", "winter", "monday", "friday",
        "january", "december", "this", "that", "the", "very", "long", "strong", "safe", "secure", "some", "only",
        "mine",
    ].map { Array($0.utf8) }
}
